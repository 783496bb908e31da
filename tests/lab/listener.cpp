#include "tests/lab/listener.h"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>

namespace vc::lab {
namespace {

using boost::asio::ip::tcp;
using Error = boost::system::error_code;

template <class S>
void share_port(S& socket) {
    const int yes = 1;
    if (::setsockopt(socket.native_handle(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0) {
        throw boost::system::system_error(Error(errno, boost::system::system_category()),
                                          "SO_REUSEPORT");
    }
}

}  // namespace

void reset_socket(Socket& socket) {
    Error ignored;
    socket.set_option(boost::asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
}

Listener::Listener(boost::asio::io_context& io, Accept accept, const tcp::endpoint& at)
    : io_(io), accept_(std::move(accept)), guard_(io), acceptor_(io) {
    guard_.open(tcp::v4());
    share_port(guard_);
    guard_.set_option(tcp::acceptor::reuse_address(true));
    guard_.bind(at);
    at_ = guard_.local_endpoint();
    open();
}

Listener::~Listener() {
    Error ignored;
    acceptor_.close(ignored);
}

void Listener::open() {
    acceptor_.open(tcp::v4());
    share_port(acceptor_);
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(at_);
    acceptor_.listen();
    accept_next();
}

void Listener::refuse(bool yes) {
    if (yes == !acceptor_.is_open()) return;
    if (yes) {
        Error ignored;
        acceptor_.close(ignored);
    } else {
        open();
    }
}

void Listener::accept_next() {
    acceptor_.async_accept(io_, [this](const Error& error, Socket socket) {
        if (error == boost::asio::error::operation_aborted) return;
        if (!error) {
            Error ignored;
            socket.set_option(tcp::no_delay(true), ignored);
            accept_(std::move(socket));
        }
        if (acceptor_.is_open()) accept_next();
    });
}

}  // namespace vc::lab
