#include "daemon/host/net.h"

#include <openssl/ssl.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/host/deadline.h"

namespace vc {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

struct LoadedTrust : TlsTrust {
    ssl::context context{ssl::context::tls_client};
};

using Tls = ssl::stream<tcp::socket>;

// Layer is tcp::socket or Tls.
template <class Layer>
class StreamOf : public Stream {
  public:
    explicit StreamOf(Layer layer) : layer_(std::move(layer)) {}

    asio::awaitable<Moved> read_some(asio::mutable_buffer into) override {
        const auto [error, bytes] = co_await layer_.async_read_some(into, as_result);
        co_return Moved{error == ssl::error::stream_truncated ? asio::error::eof : error, bytes};
    }

    asio::awaitable<Moved> write(std::string_view bytes) override {
        const asio::const_buffer all{bytes.data(), bytes.size()};
        const auto [error, written] = co_await asio::async_write(layer_, all, as_result);
        co_return Moved{error, written};
    }

    void close() override {
        error_code ignored;  // what cannot be closed in order is closed all the same
        auto& socket = layer_.lowest_layer();
        socket.shutdown(tcp::socket::shutdown_both, ignored);
        socket.close(ignored);
    }

  private:
    Layer layer_;
};

Outcome outcome_of_connect(const error_code& error) {
    if (error == asio::error::timed_out) return Outcome::timeout;
    if (error == asio::error::connection_reset) return Outcome::reset;
    return Outcome::refused;
}

}  // namespace

Result<std::shared_ptr<TlsTrust>> TlsTrust::load(const std::string& ca_file) {
    auto trust = std::make_shared<LoadedTrust>();
    error_code error;
    trust->context.set_options(
        ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1,
        error);
    if (!error && ca_file.empty()) trust->context.set_default_verify_paths(error);
    if (!error && !ca_file.empty()) trust->context.load_verify_file(ca_file, error);
    if (!error) trust->context.set_verify_mode(ssl::verify_peer, error);
    if (error) {
        const std::string from = ca_file.empty() ? "of the system" : ca_file;
        return failure("cannot load the trusted certificates " + from + ": " + error.message());
    }
    return trust;
}

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

    void done(Phase phase, Duration took) { result.phases.push_back({phase, took}); }
    bool fail(Outcome outcome, Phase phase) {
        result.outcome = outcome;
        result.phase = phase;
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
    if (lookup->error || lookup->found.empty()) co_return steps.fail(Outcome::dns, Phase::dns);
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
    if (error) co_return steps.fail(outcome_of_connect(error), Phase::tcp);
    steps.done(Phase::tcp, took);
    // A peer that is gone again already makes this fail; reading will tell.
    steps.socket.set_option(tcp::no_delay(true), error);
    co_return true;
}

asio::awaitable<bool> Connector::shake_hands(Steps& steps, Instant deadline) {
    const Instant begin = clock_.now();
    Tls tls(std::move(steps.socket), static_cast<LoadedTrust&>(*endpoint_.tls).context);
    SSL_set_tlsext_host_name(tls.native_handle(), endpoint_.host.c_str());
    tls.set_verify_callback(ssl::host_name_verification(endpoint_.host));
    cut_ = [&tls] {
        error_code ignored;
        tls.lowest_layer().close(ignored);
    };
    const Deadline cut_off(executor_, clock_, deadline, cut_);
    const auto [error] = co_await tls.async_handshake(ssl::stream_base::client, as_result);
    cut_ = nullptr;
    if (cut_off.passed()) co_return steps.fail(Outcome::timeout, Phase::tls);
    const bool hung_up = error == asio::error::eof || error == ssl::error::stream_truncated ||
                         error == asio::error::connection_reset ||
                         error == asio::error::broken_pipe;
    if (hung_up) co_return steps.fail(Outcome::reset, Phase::tls);
    if (error) co_return steps.fail(Outcome::tls, Phase::tls);
    steps.done(Phase::tls, clock_.now() - begin);
    steps.stream = std::make_unique<StreamOf<Tls>>(std::move(tls));
    co_return true;
}

asio::awaitable<Connected> Connector::run(Instant deadline) {
    Steps steps(executor_);
    bool ok = co_await resolve(steps, deadline);
    if (ok && !cancelled_) ok = co_await connect(steps, deadline);
    if (ok && !cancelled_ && endpoint_.tls) ok = co_await shake_hands(steps, deadline);
    if (ok && !cancelled_ && !endpoint_.tls) {
        steps.stream = std::make_unique<StreamOf<tcp::socket>>(std::move(steps.socket));
    }
    if (cancelled_) {
        steps.fail(Outcome::timeout, Phase::tcp);
        steps.stream.reset();
    }
    Connected connected;
    connected.result = std::move(steps.result);
    connected.stream = std::move(steps.stream);
    co_return connected;
}

void Connector::cancel() {
    cancelled_ = true;
    if (cut_) cut_();
}

}  // namespace vc
