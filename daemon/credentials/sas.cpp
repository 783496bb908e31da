#include "daemon/credentials/sas.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "rules/base/check.h"

namespace vc {
namespace {

const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hmac_base64(const Secret& key, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    const std::string& words = key.reveal();
    const unsigned char* made = HMAC(EVP_sha256(), words.data(), static_cast<int>(words.size()),
                                     bytes(text), text.size(), digest.data(), &size);
    VC_CHECK(made != nullptr && size == 32, "SHA-256 is always there");
    std::array<unsigned char, 45> encoded{};  // 32 bytes make 44 characters, and a final zero
    const int length = EVP_EncodeBlock(encoded.data(), digest.data(), 32);
    return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

}  // namespace

std::string percent_encoded(std::string_view text) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string result;
    result.reserve(text.size() + text.size() / 2);
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            result += c;
            continue;
        }
        const auto code = static_cast<unsigned char>(c);
        result += '%';
        result += digits[code >> 4U];
        result += digits[code & 15U];
    }
    return result;
}

std::string signed_token(std::string_view audience, std::string_view key_name, const Secret& key,
                         std::int64_t expiry) {
    const std::string resource = percent_encoded(audience);
    const std::string end = std::to_string(expiry);
    const std::string signature = percent_encoded(hmac_base64(key, resource + "\n" + end));
    return "SharedAccessSignature sr=" + resource + "&sig=" + signature + "&se=" + end +
           "&skn=" + percent_encoded(key_name);
}

}  // namespace vc
