// A stream of bytes under an AMQP connection: TCP, TLS over it, or WebSocket over either. Owned by
// whoever reads and writes it; the handlers it is given must keep that owner alive, because
// destroying a transport while one is pending is not allowed. Handlers are never called from within
// the call that took them. One thread.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>

#include "tests/lab/listener.h"

namespace vc::lab {

class Transport {
  public:
    using Done = std::function<void(const boost::system::error_code&, std::size_t)>;

    virtual ~Transport() = default;
    void read_some(boost::asio::mutable_buffer into, Done done);
    virtual void write(boost::asio::const_buffer all, Done done) = 0;
    virtual void close() = 0;  // FIN
    virtual void reset() = 0;  // RST
    virtual boost::asio::any_io_executor executor() = 0;

    // Bytes that were read to look at them; the next read gives them again.
    void put_back(std::string bytes) { again_ = std::move(bytes) + again_; }

    bool encrypted = false;
    bool websocket = false;
    std::string certificate;  // the common name of the client's; empty: none

  protected:
    virtual void read_more(boost::asio::mutable_buffer into, Done done) = 0;

  private:
    std::string again_;
};

std::unique_ptr<Transport> plain_transport(Socket socket);

}  // namespace vc::lab
