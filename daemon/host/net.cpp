#include "daemon/host/net.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/host/deadline.h"

namespace vc {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

void close_socket(tcp::socket& socket) {
    error_code ignored;  // what cannot be closed in order is closed all the same
    socket.shutdown(tcp::socket::shutdown_both, ignored);
    socket.close(ignored);
}

class PlainStream : public Stream {
  public:
    explicit PlainStream(tcp::socket socket) : socket_(std::move(socket)) {}

    asio::awaitable<Moved> read_some(asio::mutable_buffer into) override {
        const auto [error, bytes] = co_await socket_.async_read_some(into, as_result);
        co_return Moved{error, bytes};
    }

    asio::awaitable<Moved> write(std::string_view bytes) override {
        const asio::const_buffer all{bytes.data(), bytes.size()};
        const auto [error, written] = co_await asio::async_write(socket_, all, as_result);
        co_return Moved{error, written};
    }

    void close() override { close_socket(socket_); }

  private:
    tcp::socket socket_;
};

// A socket, and TLS over it.
struct Secured {
    Secured(tcp::socket plain, const Endpoint& to)
        : socket(std::move(plain)), tls(to.tls, to.host, socket.native_handle()) {}

    // Until the socket is ready for what TLS waits for.
    asio::awaitable<error_code> ready(TlsConnection::Next next) {
        const auto what = next == TlsConnection::Next::readable ? tcp::socket::wait_read
                                                                : tcp::socket::wait_write;
        const auto [error] = co_await socket.async_wait(what, as_result);
        co_return error;
    }

    error_code ended() const {
        using End = TlsConnection::End;
        switch (tls.end()) {
            case End::none:  // closed by us
                return asio::error::operation_aborted;
            case End::peer_closed:
                return asio::error::eof;
            case End::reset:
                return asio::error::connection_reset;
            case End::refused:
                break;
        }
        return boost::system::errc::make_error_code(boost::system::errc::protocol_error);
    }

    void close() {
        tls.close();
        close_socket(socket);
    }

    tcp::socket socket;
    TlsConnection tls;
};

class TlsStream : public Stream {
  public:
    explicit TlsStream(std::unique_ptr<Secured> secured) : secured_(std::move(secured)) {}

    asio::awaitable<Moved> read_some(asio::mutable_buffer into) override {
        for (;;) {
            const auto step = secured_->tls.read(static_cast<char*>(into.data()), into.size());
            if (step.next == TlsConnection::Next::done) co_return Moved{{}, step.bytes};
            if (step.next == TlsConnection::Next::ended) co_return Moved{secured_->ended(), 0};
            const error_code error = co_await secured_->ready(step.next);
            if (error) co_return Moved{error, 0};
        }
    }

    asio::awaitable<Moved> write(std::string_view bytes) override {
        std::size_t written = 0;
        while (written < bytes.size()) {
            const auto step = secured_->tls.write(bytes.substr(written));
            written += step.bytes;
            if (step.next == TlsConnection::Next::done) continue;
            if (step.next == TlsConnection::Next::ended) {
                co_return Moved{secured_->ended(), written};
            }
            const error_code error = co_await secured_->ready(step.next);
            if (error) co_return Moved{error, written};
        }
        co_return Moved{{}, written};
    }

    void close() override { secured_->close(); }

  private:
    std::unique_ptr<Secured> secured_;
};

Outcome outcome_of_connect(const error_code& error) {
    if (error == asio::error::timed_out) return Outcome::timeout;
    if (error == asio::error::connection_reset) return Outcome::reset;
    return Outcome::refused;
}

}  // namespace

// A look-up under way cannot be called off: getaddrinfo ends when it ends, and its handler then
// needs this.
struct Connector::Lookup {
    explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
    tcp::resolver resolver;
    Signal done;
    bool finished = false;
    error_code error;
    std::vector<tcp::endpoint> found;
};

// What a run has reached.
struct Connector::Steps {
    explicit Steps(const asio::any_io_executor& executor) : socket(executor) {}
    ConnectResult result;
    std::vector<tcp::endpoint> addresses;
    tcp::socket socket;
    std::unique_ptr<Stream> stream;
    std::string why;
    std::optional<WallTime> certificate_expires;

    void done(Phase phase, Duration took) { result.phases.push_back({phase, took}); }
    bool fail(Outcome outcome, Phase phase, std::string words = "timed out") {
        result.outcome = outcome;
        result.phase = phase;
        why = std::move(words);
        return false;
    }
};

asio::awaitable<bool> Connector::resolve(Steps& steps, Instant deadline) {
    error_code not_numeric;
    const auto address = asio::ip::make_address(endpoint_.host, not_numeric);
    if (!not_numeric) {
        steps.addresses.emplace_back(address, endpoint_.port);
        co_return true;
    }
    const Instant begin = clock_.now();
    const auto lookup = std::make_shared<Lookup>(executor_);
    lookup->resolver.async_resolve(
        endpoint_.host, std::to_string(endpoint_.port),
        [lookup](const error_code& error, const tcp::resolver::results_type& results) {
            lookup->finished = true;
            lookup->error = error;
            for (const auto& entry : results)
                lookup->found.push_back(entry.endpoint());
            lookup->done.raise();
        });
    cut_ = [lookup] { lookup->done.raise(); };
    co_await lookup->done.wait_for(clock_.machine_time_until(deadline));
    cut_ = nullptr;
    const Duration took = clock_.now() - begin;
    if (!lookup->finished) {
        // One thread looks up for all. What waits for it and nobody wants any more must not be
        // looked up, or a dead name server leaves a queue that outlasts its own recovery.
        lookup->resolver.cancel();
        co_return steps.fail(Outcome::timeout, Phase::dns);
    }
    if (lookup->error) co_return steps.fail(Outcome::dns, Phase::dns, lookup->error.message());
    if (lookup->found.empty()) co_return steps.fail(Outcome::dns, Phase::dns, "no address");
    steps.done(Phase::dns, took);
    steps.addresses = lookup->found;
    co_return true;
}

asio::awaitable<bool> Connector::connect(Steps& steps, Instant deadline) {
    const Instant begin = clock_.now();
    error_code error;
    cut_ = [&steps] {
        error_code ignored;
        steps.socket.close(ignored);
    };
    const Deadline cut_off(executor_, clock_, deadline, cut_);
    for (const tcp::endpoint& address : steps.addresses) {
        steps.socket = tcp::socket(executor_);
        const auto [failed] = co_await steps.socket.async_connect(address, as_result);
        error = failed;
        if (!error || cancelled_ || cut_off.passed()) break;
    }
    cut_ = nullptr;
    const Duration took = clock_.now() - begin;
    if (cut_off.passed()) co_return steps.fail(Outcome::timeout, Phase::tcp);
    if (error) co_return steps.fail(outcome_of_connect(error), Phase::tcp, error.message());
    steps.done(Phase::tcp, took);
    // A peer that is gone again already makes this fail; reading will tell.
    steps.socket.set_option(tcp::no_delay(true), error);
    co_return true;
}

asio::awaitable<bool> Connector::shake_hands(Steps& steps, Instant deadline) {
    const Instant begin = clock_.now();
    endpoint_.tls->refresh();
    error_code ignored;  // a socket that has failed says so when it is used
    steps.socket.native_non_blocking(true, ignored);
    auto secured = std::make_unique<Secured>(std::move(steps.socket), endpoint_);
    cut_ = [&secured] { secured->close(); };
    const Deadline cut_off(executor_, clock_, deadline, cut_);
    TlsConnection::Step step = secured->tls.shake_hands();
    while (step.next != TlsConnection::Next::done && step.next != TlsConnection::Next::ended) {
        const error_code cut = co_await secured->ready(step.next);
        if (cut || cut_off.passed() || cancelled_) break;
        step = secured->tls.shake_hands();
    }
    cut_ = nullptr;
    if (cut_off.passed() || cancelled_) co_return steps.fail(Outcome::timeout, Phase::tls);
    if (step.next != TlsConnection::Next::done) {
        const bool refused = secured->tls.end() == TlsConnection::End::refused;
        co_return steps.fail(refused ? Outcome::tls : Outcome::reset, Phase::tls,
                             secured->tls.why());
    }
    steps.done(Phase::tls, clock_.now() - begin);
    steps.certificate_expires = secured->tls.certificate_expires();
    steps.stream = std::make_unique<TlsStream>(std::move(secured));
    co_return true;
}

asio::awaitable<Connected> Connector::run(Instant deadline) {
    Steps steps(executor_);
    bool ok = co_await resolve(steps, deadline);
    if (ok && !cancelled_) ok = co_await connect(steps, deadline);
    if (ok && !cancelled_ && endpoint_.tls) ok = co_await shake_hands(steps, deadline);
    if (ok && !cancelled_ && !endpoint_.tls) {
        steps.stream = std::make_unique<PlainStream>(std::move(steps.socket));
    }
    if (cancelled_) {
        steps.fail(Outcome::timeout, Phase::tcp, "given up");
        steps.stream.reset();
    }
    Connected connected;
    connected.result = std::move(steps.result);
    connected.stream = std::move(steps.stream);
    connected.why = std::move(steps.why);
    connected.certificate_expires = steps.certificate_expires;
    co_return connected;
}

void Connector::cancel() {
    cancelled_ = true;
    if (cut_) cut_();
}

}  // namespace vc
