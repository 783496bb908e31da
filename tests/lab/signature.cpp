#include "tests/lab/signature.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdint>

#include "rules/base/check.h"

namespace vc::lab {
namespace {

constexpr std::string_view plain_letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string spelled(std::string_view bytes, std::string_view letters) {
    std::string out;
    std::uint32_t bits = 0;
    int held = 0;
    for (const char byte : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(byte);
        for (held += 8; held >= 6; held -= 6)
            out += letters[bits >> (held - 6) & 63];
    }
    if (held > 0) out += letters[bits << (6 - held) & 63];
    return out;
}

}  // namespace

std::string hmac_sha256(std::string_view key, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    const unsigned char* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes,
                                     text.size(), digest.data(), &size);
    VC_CHECK(made != nullptr, "HMAC-SHA256 is missing from OpenSSL");
    return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string base64(std::string_view bytes) {
    std::string out = spelled(bytes, plain_letters);
    while (out.size() % 4 != 0)
        out += '=';
    return out;
}

std::string base64url(std::string_view bytes) {
    return spelled(bytes, url_letters);
}

std::optional<std::string> from_base64url(std::string_view text) {
    while (!text.empty() && text.back() == '=')
        text.remove_suffix(1);
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    std::uint32_t bits = 0;
    int held = 0;
    for (const char letter : text) {
        const auto value = url_letters.find(letter);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out += static_cast<char>(bits >> held & 0xff);
    }
    return out;
}

bool same_secret(std::string_view one, std::string_view other) {
    return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace vc::lab
