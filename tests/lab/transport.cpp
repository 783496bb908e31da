#include "tests/lab/transport.h"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

namespace vc::lab {
namespace {

class Plain : public Transport {
  public:
    explicit Plain(Socket socket) : socket_(std::move(socket)) {}

    void write(boost::asio::const_buffer all, Done done) override {
        boost::asio::async_write(socket_, all, std::move(done));
    }
    void close() override {
        boost::system::error_code ignored;
        socket_.close(ignored);
    }
    void reset() override { reset_socket(socket_); }
    boost::asio::any_io_executor executor() override { return socket_.get_executor(); }

  protected:
    void read_more(boost::asio::mutable_buffer into, Done done) override {
        socket_.async_read_some(into, std::move(done));
    }

  private:
    Socket socket_;
};

}  // namespace

void Transport::read_some(boost::asio::mutable_buffer into, Done done) {
    if (again_.empty()) {
        read_more(into, std::move(done));
        return;
    }
    const std::size_t size = std::min(into.size(), again_.size());
    std::memcpy(into.data(), again_.data(), size);
    again_.erase(0, size);
    boost::asio::post(executor(), [done = std::move(done), size] { done({}, size); });
}

std::unique_ptr<Transport> plain_transport(Socket socket) {
    return std::make_unique<Plain>(std::move(socket));
}

}  // namespace vc::lab
