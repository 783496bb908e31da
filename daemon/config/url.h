// Addresses as an operator writes them, taken apart and checked once, when the configuration is
// read. User names and passwords in a URL are refused: URLs are printed, secrets are not.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "rules/base/error.h"

namespace vc {

struct Url {
    std::string text;  // as written, for messages and for clients that take it whole
    std::string scheme;
    std::string host;  // a name or an address; an IPv6 address without its brackets
    std::uint16_t port = 0;
    std::string target;  // path and query, "" or from "/" on
    bool tls = false;    // wss, amqps, https
};

// `schemes` is what is accepted here, e.g. {"ws", "wss"}. The error has no position and says what
// to write.
Result<Url> parse_url(std::string_view text, std::span<const std::string_view> schemes);

// Where the daemon listens: an IP address and a port, 0 meaning any.
struct ListenAddress {
    std::string host = "127.0.0.1";
    std::uint16_t port = 9470;
};

// "127.0.0.1:9470" or "[::1]:9470". Only loopback: what is served there can pause the daemon, and
// is protected by nothing else.
Result<ListenAddress> parse_listen(std::string_view text);
std::string to_text(const ListenAddress& address);

// Whether a host is this machine itself: localhost, 127.0.0.0/8, ::1.
bool is_loopback(std::string_view host);

}  // namespace vc
