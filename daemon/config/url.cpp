#include "daemon/config/url.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace vc {
namespace {

struct Scheme {
    std::string_view name;
    std::uint16_t port;
    bool tls;
};
constexpr std::array<Scheme, 6> known_schemes{{{"ws", 80, false},
                                               {"wss", 443, true},
                                               {"amqp", 5672, false},
                                               {"amqps", 5671, true},
                                               {"http", 80, false},
                                               {"https", 443, true}}};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string list_of(std::span<const std::string_view> names) {
    std::string list;
    for (const std::string_view name : names)
        list += (list.empty() ? "" : " or ") + std::string(name) + "://";
    return list;
}

// Dotted IPv4, each part 0..255 without superfluous zeros.
std::optional<std::array<int, 4>> ipv4(std::string_view text) {
    std::array<int, 4> parts{};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, parts[i]);
        const auto length = static_cast<std::size_t>(stop - text.data());
        if (error != std::errc{} || !is_digit(text.front()) || parts[i] > 255) return std::nullopt;
        if (length > 1 && text.front() == '0') return std::nullopt;
        text.remove_prefix(length);
        if (i == 3) break;
        if (text.empty() || text.front() != '.') return std::nullopt;
        text.remove_prefix(1);
    }
    if (!text.empty()) return std::nullopt;
    return parts;
}

bool looks_like_ipv6(std::string_view text) {
    return text.find(':') != std::string_view::npos &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_digit(c) || c == ':' || c == '.' || (c >= 'a' && c <= 'f') ||
                      (c >= 'A' && c <= 'F');
           });
}

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    if (!is_digit(text.front()) && !is_letter(text.front())) return false;
    // What begins with a digit and has only digits and points means to be an address.
    const bool numeric =
        std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
    if (numeric) return ipv4(text).has_value();
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_digit(c) || is_letter(c) || c == '-' || c == '.' || c == '_';
    });
}

std::optional<std::uint16_t> port_of(std::string_view text) {
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    if (error != std::errc{} || stop != end || (text.size() > 1 && text.front() == '0')) {
        return std::nullopt;
    }
    return port;
}

struct HostPort {
    std::string host;
    std::optional<std::string_view> port;  // as written; nothing when there is no colon
};

Result<HostPort> split_authority(std::string_view text) {
    HostPort parts;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos || !looks_like_ipv6(text.substr(1, close - 1))) {
            return failure("has no IPv6 address between its brackets");
        }
        parts.host = std::string(text.substr(1, close - 1));
        text.remove_prefix(close + 1);
        if (!text.empty() && text.front() != ':') return failure("has text after its bracket");
        if (!text.empty()) parts.port = text.substr(1);
        return parts;
    }
    const auto colon = text.find(':');
    if (colon != std::string_view::npos) parts.port = text.substr(colon + 1);
    parts.host = std::string(text.substr(0, colon));
    if (parts.host.empty()) return failure("names no host");
    if (!is_host_name(parts.host)) return failure("has a host that is no name or address");
    return parts;
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

}  // namespace

Result<Url> parse_url(std::string_view text, std::span<const std::string_view> schemes) {
    Url url;
    url.text = std::string(text);
    const auto separator = text.find("://");
    url.scheme = std::string(text.substr(0, separator == std::string_view::npos ? 0 : separator));
    const bool accepted = std::find(schemes.begin(), schemes.end(), url.scheme) != schemes.end();
    if (!accepted) return failure("must begin with " + list_of(schemes));
    if (!is_printable(text)) return failure("has a space or an unprintable character in it");
    const auto* scheme = std::find_if(known_schemes.begin(), known_schemes.end(),
                                      [&](const Scheme& s) { return s.name == url.scheme; });
    url.tls = scheme->tls;
    url.port = scheme->port;

    text.remove_prefix(separator + 3);
    const auto end = std::min(text.find_first_of("/?#"), text.size());
    const std::string_view authority = text.substr(0, end);
    url.target = std::string(text.substr(end));
    if (authority.find('@') != std::string_view::npos) {
        return failure("must not hold a user or password; they have keys of their own");
    }
    if (url.target.find('#') != std::string::npos) return failure("must not have a # part");
    if (url.target.starts_with('?')) url.target.insert(0, "/");

    auto parts = split_authority(authority);
    if (!parts) return tl::unexpected(parts.error());
    url.host = std::move(parts->host);
    if (parts->port) {
        const auto port = port_of(*parts->port);
        if (!port || *port == 0) return failure("has no port between 1 and 65535");
        url.port = *port;
    }
    return url;
}

Result<ListenAddress> parse_listen(std::string_view text) {
    const auto parts = split_authority(text);
    if (!parts) return tl::unexpected(parts.error());
    const auto port = parts->port ? port_of(*parts->port) : std::nullopt;
    if (!port) return failure("needs a port up to 65535, write 127.0.0.1:9470");
    if (parts->host == "localhost") return failure("needs an address, write 127.0.0.1");
    if (!is_loopback(parts->host)) {
        return failure(
            "is not a loopback address; who may reach it can command the daemon, "
            "write 127.0.0.1");
    }
    return ListenAddress{parts->host, *port};
}

std::string to_text(const ListenAddress& address) {
    const bool brackets = address.host.find(':') != std::string::npos;
    const std::string host = brackets ? "[" + address.host + "]" : address.host;
    return host + ":" + std::to_string(address.port);
}

bool is_loopback(std::string_view host) {
    if (host == "localhost" || host == "::1") return true;
    const auto parts = ipv4(host);
    return parts && (*parts)[0] == 127;
}

}  // namespace vc
