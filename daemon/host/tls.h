// TLS between a socket and whoever reads and writes it. The only file of the layer that sees
// OpenSSL. Client side; TLS 1.2 or later; chain, validity and name (or address) of the peer are
// always verified.
//
// A connection owns no buffer of its own: OpenSSL reads from and writes to the socket by itself,
// and gives its record buffers back while nothing is under way. Beyond what the kernel keeps, an
// idle TLS 1.3 connection was measured at 19 kB, where a stream with its own buffers takes 89 kB:
// with a thousand chargers and two hundred entities that is what counts.
//
// No session is resumed: a fresh connection is to meet what a new client would meet, the full
// handshake and the peer's certificate of today.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rules/base/error.h"
#include "rules/base/time.h"

namespace vc {

// PEM files of at most 1 MiB.
struct TlsFiles {
    std::string ca;           // whom we trust; the system's certificates when empty
    std::string certificate;  // ours, with its chain, for a peer that asks for one; may be empty
    std::string key;          // of our certificate, without a password
};

// Whom a TLS peer must be vouched for by, and who we are. One for all endpoints with the same
// files: loading them is slow. Shared by the connections made with it, which may outlive whoever
// loaded it.
class TlsTrust {
  public:
    static Result<std::shared_ptr<TlsTrust>> load(const TlsFiles& files);
    // Only whom to trust; see TlsFiles::ca.
    static Result<std::shared_ptr<TlsTrust>> load(const std::string& ca_file);
    ~TlsTrust();
    TlsTrust(const TlsTrust&) = delete;
    TlsTrust& operator=(const TlsTrust&) = delete;

    // Reads the files again if they are not those of last time (another inode, size or time of
    // change); every attempt to connect begins with this. Files that cannot be used change nothing:
    // what was loaded before stays in use, and is tried again once they change again. Connections
    // that are up keep what they began with.
    void refresh();
    // Told after every change of the files whether it was taken up, or why not.
    void on_refresh(std::function<void(const Result<void>&)> told);

    // When our own certificate expires; none without one.
    std::optional<WallTime> own_expiry() const;

  private:
    friend class TlsConnection;
    struct State;
    explicit TlsTrust(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// One connection. Does not wait: it says what it waits for, and is called again when that came. A
// read and a write may wait at a time. Not thread-safe.
class TlsConnection {
  public:
    // `socket` is connected and does not block; it is used until close(), and not owned. `host` is
    // the name, or the address in numbers, that the peer's certificate must be for.
    TlsConnection(std::shared_ptr<TlsTrust> trust, const std::string& host, int socket);
    ~TlsConnection();
    TlsConnection(const TlsConnection&) = delete;
    TlsConnection& operator=(const TlsConnection&) = delete;

    enum class Next : std::uint8_t {
        done,      // as much as `bytes` says
        readable,  // again when the socket can be read
        writable,  // again when the socket can be written
        ended,     // for good; end() and why() say more
    };
    struct Step {
        Next next = Next::ended;
        std::size_t bytes = 0;
    };
    Step shake_hands();
    Step read(char* into, std::size_t room);
    Step write(std::string_view bytes);  // a part of them, at least one byte

    // Takes leave of the peer as far as that goes without waiting. The socket is not touched again.
    void close();

    enum class End : std::uint8_t {
        none,
        peer_closed,  // with or without taking leave
        reset,        // by the socket
        refused,  // TLS itself: a certificate that is no good (ours or theirs), nonsense, an alert
    };
    End end() const;
    std::string why() const;  // "certificate has expired"; empty while there is no end

    // Of the peer's certificate, once the handshake has shown it.
    std::optional<WallTime> certificate_expires() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vc
