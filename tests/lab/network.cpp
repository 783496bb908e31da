#include "tests/lab/network.h"

#include <array>
#include <boost/asio/write.hpp>

namespace vc::lab {
namespace {

using Error = boost::system::error_code;
constexpr std::size_t most_pipes = 5000;

}  // namespace

class Network::Pipe : public std::enable_shared_from_this<Pipe> {
  public:
    Pipe(Network& network, Socket near, std::uint16_t target)
        : network_(&network), near_(std::move(near)), far_(near_.get_executor()), target_(target) {}

    void start() {
        if (network_->faults_.cut()) return;  // heal() comes back to it
        started_ = true;
        const boost::asio::ip::tcp::endpoint to(boost::asio::ip::address_v4::loopback(), target_);
        far_.async_connect(to, [self = shared_from_this()](const Error& error) {
            if (self->network_ == nullptr) return;
            if (error) return self->end(true);
            Error ignored;
            self->far_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
            self->read(self->out_, self->near_);
            self->read(self->in_, self->far_);
        });
    }

    void heal() {
        if (!started_) return start();
        for (Half* half : {&out_, &in_}) {
            if (half->held) {
                half->held = false;
                pass(*half);
            }
        }
    }

    // Without a word to the network; that has let go of it, or is about to.
    void end(bool rst) {
        if (network_ == nullptr) return;
        const auto self = shared_from_this();
        Network* network = std::exchange(network_, nullptr);
        for (Socket* socket : {&near_, &far_}) {
            if (rst) {
                reset_socket(*socket);
            } else {
                Error ignored;
                socket->close(ignored);
            }
        }
        network->pipes_.erase(self);
    }

  private:
    struct Half {
        std::array<char, 16384> buffer;
        std::size_t size = 0;
        Error error;
        bool held = false;
    };

    void read(Half& half, Socket& from) {
        from.async_read_some(
            boost::asio::buffer(half.buffer),
            [self = shared_from_this(), &half](const Error& error, std::size_t size) {
                if (self->network_ == nullptr) return;
                half.size = size;
                half.error = error;
                // Also the end of a connection is something that a cut does not let through.
                half.held = self->network_->faults_.cut();
                if (!half.held) self->pass(half);
            });
    }

    void pass(Half& half) {
        Socket& from = &half == &out_ ? near_ : far_;
        Socket& to = &half == &out_ ? far_ : near_;
        if (half.error && half.size == 0) {
            if (half.error != boost::asio::error::eof) return end(true);
            Error ignored;
            to.shutdown(Socket::shutdown_send, ignored);
            half_closed_ = half_closed_ + 1;
            if (half_closed_ == 2) end(false);
            return;
        }
        boost::asio::async_write(
            to, boost::asio::buffer(half.buffer.data(), half.size),
            [self = shared_from_this(), &half, &from](const Error& error, std::size_t) {
                if (self->network_ == nullptr) return;
                if (error) return self->end(true);
                self->read(half, from);
            });
    }

    Network* network_;
    Socket near_;
    Socket far_;
    std::uint16_t target_;
    Half out_;  // from near to far
    Half in_;
    int half_closed_ = 0;
    bool started_ = false;
};

Network::Network(Agenda& agenda, std::uint64_t seed) : agenda_(agenda), faults_(seed, "network") {}

Network::~Network() {
    while (!pipes_.empty())
        std::shared_ptr<Pipe>(*pipes_.begin())->end(false);
}

void Network::add(const std::string& name, std::uint16_t target) {
    relays_[name] = std::make_unique<Listener>(agenda_.io(), [this, target](Socket socket) {
        if (pipes_.size() >= most_pipes) return;
        auto pipe = std::make_shared<Pipe>(*this, std::move(socket), target);
        pipes_.insert(pipe);
        pipe->start();
    });
}

std::uint16_t Network::port(const std::string& name) const {
    return relays_.at(name)->port();
}

FaultTarget Network::fault_target() {
    return {&faults_,
            {FaultKind::Cut, FaultKind::Drop},
            [this] {
                if (faults_.cut()) return;
                const auto pipes = pipes_;
                for (const auto& pipe : pipes)
                    pipe->heal();
            },
            [this](const Fault& fault) {
                int hit = 0;
                const auto pipes = pipes_;
                for (const auto& pipe : pipes) {
                    if (!faults_.picked(fault.share)) continue;
                    pipe->end(true);
                    ++hit;
                }
                return hit;
            }};
}

}  // namespace vc::lab
