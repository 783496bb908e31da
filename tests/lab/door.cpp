#include "tests/lab/door.h"

#include <boost/asio/post.hpp>
#include <vector>

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
using Error = boost::system::error_code;

constexpr Duration patience = 60s;
constexpr std::size_t most_visitors = 1000;
constexpr char tls_handshake = 0x16;

}  // namespace

class Visitor : public Door::Guest, public std::enable_shared_from_this<Visitor> {
  public:
    Visitor(Door& door, Socket socket) : Guest(door), socket_(std::move(socket)) {}

    void look() {
        patience_ = door_->agenda_.after(patience, [this] { stop(); });
        socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const Error& error) {
            if (error || self->door_ == nullptr) return;
            char first = 0;
            Error failed;
            self->socket_.receive(boost::asio::buffer(&first, 1), Socket::message_peek, failed);
            if (!failed) self->begin(first);
        });
    }

    void stop() override {
        const auto kept = shared_from_this();  // what is cancelled may have been the last owner
        patience_.cancel();
        self_ = nullptr;
        if (cancel_) std::exchange(cancel_, nullptr)();
        Error ignored;
        socket_.close(ignored);
        if (transport_) transport_->close();
    }

    void go_on() override {
        if (!held_ || door_->hooks_.holds_tls()) return;
        held_ = false;
        shake_hands();
        self_.reset();
    }

  private:
    void begin(char first) {
        if (first != tls_handshake || door_->tls_ == nullptr) {
            told(first, plain_transport(std::move(socket_)));
        } else if (door_->hooks_.holds_tls && door_->hooks_.holds_tls()) {
            held_ = true;
            patience_.cancel();
            self_ = shared_from_this();  // until go_on() or stop(): nothing is pending
        } else {
            shake_hands();
        }
    }

    void shake_hands() {
        const TlsFace face = door_->hooks_.face ? door_->hooks_.face() : TlsFace::Good;
        auto pending =
            door_->tls_->accept(std::move(socket_), face,
                                [self = shared_from_this()](std::unique_ptr<Transport> transport) {
                                    self->cancel_ = nullptr;
                                    if (!transport || self->door_ == nullptr) return;
                                    self->transport_ = std::move(transport);
                                    self->look_inside();
                                });
        cancel_ = std::move(pending.cancel);
    }

    void look_inside() {
        transport_->read_some(boost::asio::buffer(first_),
                              [self = shared_from_this()](const Error& error, std::size_t size) {
                                  if (error || size == 0 || self->door_ == nullptr) return;
                                  auto transport = std::move(self->transport_);
                                  transport->put_back(std::string(self->first_.data(), size));
                                  self->told(self->first_[0], std::move(transport));
                              });
    }

    void told(char first, std::unique_ptr<Transport> transport) {
        patience_.cancel();
        if (first == 'A') {
            door_->hooks_.amqp(std::move(transport));
        } else {
            serve_http(*door_, std::move(transport));
        }
    }

    Socket socket_;
    std::unique_ptr<Transport> transport_;
    std::array<char, 64> first_{};
    std::function<void()> cancel_;
    std::shared_ptr<Visitor> self_;  // only while a fault holds it, see begin()
    bool held_ = false;
    Timer patience_;
};

Door::Door(Agenda& agenda, Tls* tls, DoorHooks hooks)
    : agenda_(agenda), tls_(tls), hooks_(std::move(hooks)) {}

Door::~Door() {
    for (Guest* guest : std::exchange(visitors_, {})) {
        guest->door_ = nullptr;
        guest->stop();
    }
}

void Door::enter(Socket socket) {
    if (visitors_.size() >= most_visitors) {
        reset_socket(socket);
        return;
    }
    // Shared with its own pending operations only.
    std::make_shared<Visitor>(*this, std::move(socket))->look();
}

void Door::go_on() {
    for (Guest* guest : std::vector<Guest*>(visitors_.begin(), visitors_.end())) {
        if (visitors_.count(guest) > 0) guest->go_on();
    }
}

}  // namespace vc::lab
