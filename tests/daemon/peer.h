// An HTTP server that does what a test tells it to, byte for byte: answers, stalls, breaks off. On
// the test's own event loop.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <istream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace vc::test {

struct PeerRequest {
    std::string head;  // request line and headers as they came
    std::string body;
};

struct PeerReply {
    std::string bytes;
    enum class Then { close, reset, stall } then = Then::close;
};

inline PeerReply answer(int status, const std::string& body = "") {
    return {"HTTP/1.1 " + std::to_string(status) +
            " Words\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body};
}

class Peer {
  public:
    using Script = std::function<PeerReply(const PeerRequest&)>;

    Peer(boost::asio::io_context& io, Script script)
        : acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0}), script_(std::move(script)) {
        accept_next();
    }

    std::string url(const std::string& target = "/") const {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + target;
    }
    const std::vector<PeerRequest>& seen() const { return seen_; }

  private:
    using Error = boost::system::error_code;
    struct Connection {
        explicit Connection(boost::asio::ip::tcp::socket accepted) : socket(std::move(accepted)) {}
        boost::asio::ip::tcp::socket socket;
        boost::asio::streambuf buffer;
        PeerRequest request;
        PeerReply reply;
    };
    using Shared = std::shared_ptr<Connection>;

    void accept_next() {
        acceptor_.async_accept([this](const Error& error, boost::asio::ip::tcp::socket socket) {
            if (error) return;
            read_head(std::make_shared<Connection>(std::move(socket)));
            accept_next();
        });
    }

    void read_head(const Shared& one) {
        boost::asio::async_read_until(
            one->socket, one->buffer, "\r\n\r\n",
            [this, one](const Error& error, std::size_t size) {
                if (error) return;
                one->request.head.resize(size);
                std::istream(&one->buffer)
                    .read(one->request.head.data(), static_cast<std::streamsize>(size));
                const auto at = one->request.head.find("Content-Length: ");
                const std::size_t length =
                    at == std::string::npos ? 0 : std::stoul(one->request.head.substr(at + 16));
                read_body(one, length);
            });
    }

    void read_body(const Shared& one, std::size_t length) {
        const std::size_t have = one->buffer.size();
        boost::asio::async_read(one->socket, one->buffer,
                                boost::asio::transfer_exactly(length > have ? length - have : 0),
                                [this, one, length](const Error& error, std::size_t) {
                                    if (error) return;
                                    one->request.body.resize(length);
                                    std::istream(&one->buffer)
                                        .read(one->request.body.data(),
                                              static_cast<std::streamsize>(length));
                                    seen_.push_back(one->request);
                                    one->reply = script_(one->request);
                                    write(one);
                                });
    }

    void write(const Shared& one) {
        boost::asio::async_write(one->socket, boost::asio::buffer(one->reply.bytes),
                                 [this, one](const Error&, std::size_t) {
                                     if (one->reply.then == PeerReply::Then::stall)
                                         stalled_.push_back(one);
                                     Error ignored;
                                     if (one->reply.then == PeerReply::Then::reset) {
                                         one->socket.set_option(
                                             boost::asio::socket_base::linger(true, 0), ignored);
                                     }
                                 });
    }

    boost::asio::ip::tcp::acceptor acceptor_;
    Script script_;
    std::vector<PeerRequest> seen_;
    std::vector<Shared> stalled_;
};

}  // namespace vc::test
