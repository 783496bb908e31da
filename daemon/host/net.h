// Resolve, connect, TLS: from a name to a byte stream, each phase stamped. Client side only.
//
// Failures are data (ConnectResult): dns for a name that does not resolve; refused when the peer or
// the route says no; timeout when the deadline passes, in the phase that was under way; tls for
// a handshake or certificate that is no good; reset when the peer hangs up in the handshake.
// Addresses are tried in the order of the resolver. TCP_NODELAY is set: probes measure.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/host/clock.h"
#include "daemon/host/tls.h"
#include "probes/session.h"

namespace vc {

struct Endpoint {
    std::string host;  // a name, or an address in numbers
    std::uint16_t port = 0;
    // Plain TCP when there is none. Shared by all endpoints that trust the same certificates:
    // loading them is slow.
    std::shared_ptr<TlsTrust> tls;
};

// A connected stream, plain or TLS. One read and one write may be under way at a time. An orderly
// end is asio::error::eof; when TLS itself was broken, or refused by an alert, the error is
// boost::system::errc::protocol_error.
class Stream {
  public:
    struct Moved {
        boost::system::error_code error;
        std::size_t bytes = 0;
    };
    virtual ~Stream() = default;
    virtual boost::asio::awaitable<Moved> read_some(boost::asio::mutable_buffer into) = 0;
    // Everything, or an error.
    virtual boost::asio::awaitable<Moved> write(std::string_view bytes) = 0;
    // At once; what is under way ends with an error.
    virtual void close() = 0;
};

struct Connected {
    ConnectResult result;
    std::unique_ptr<Stream> stream;               // when the result is ok
    std::string why;                              // when it is not: "Connection refused"
    std::optional<WallTime> certificate_expires;  // of a TLS peer that was verified
};

// One attempt to connect. Outlives its run().
class Connector {
  public:
    Connector(boost::asio::any_io_executor executor, const Clock& clock, Endpoint endpoint)
        : executor_(std::move(executor)), clock_(clock), endpoint_(std::move(endpoint)) {}

    boost::asio::awaitable<Connected> run(Instant deadline);
    // run() ends soon, with whatever result.
    void cancel();

  private:
    struct Lookup;
    struct Steps;

    boost::asio::awaitable<bool> resolve(Steps& steps, Instant deadline);
    boost::asio::awaitable<bool> connect(Steps& steps, Instant deadline);
    boost::asio::awaitable<bool> shake_hands(Steps& steps, Instant deadline);

    boost::asio::any_io_executor executor_;
    Clock clock_;
    Endpoint endpoint_;
    bool cancelled_ = false;
    std::function<void()> cut_;  // ends what is under way
};

}  // namespace vc
