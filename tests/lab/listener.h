// A TCP listener, on 127.0.0.1 unless told otherwise, whose port survives refusing: a second socket
// stays bound to the port (SO_REUSEPORT, never listening), so that while the listener is closed the
// kernel itself answers connects with RST, and nobody else can take the port.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>

namespace vc::lab {

using Socket = boost::asio::ip::tcp::socket;

// Closes with RST instead of FIN: what a peer sees when a host dies.
void reset_socket(Socket& socket);

class Listener {
  public:
    using Accept = std::function<void(Socket)>;

    // Binds at once, a free port if none is named; throws boost::system::system_error when it is
    // not to be had.
    Listener(boost::asio::io_context& io, Accept accept,
             const boost::asio::ip::tcp::endpoint& at = {boost::asio::ip::address_v4::loopback(),
                                                         0});
    ~Listener();

    std::uint16_t port() const { return at_.port(); }
    void refuse(bool yes);

  private:
    void open();
    void accept_next();

    boost::asio::io_context& io_;
    Accept accept_;
    boost::asio::ip::tcp::socket guard_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::ip::tcp::endpoint at_;
};

}  // namespace vc::lab
