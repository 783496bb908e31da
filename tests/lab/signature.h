// What signed tokens are made of: HMAC-SHA256 (RFC 2104), base64 and base64url (RFC 4648), and the
// comparison of two secrets. Pure functions over bytes held in strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vc::lab {

// 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view text);

std::string base64(std::string_view bytes);     // with padding
std::string base64url(std::string_view bytes);  // without padding

// Nothing when `text` is no base64url. Padding may be there or not.
std::optional<std::string> from_base64url(std::string_view text);

// Takes as long for a near miss as for a far one.
bool same_secret(std::string_view one, std::string_view other);

}  // namespace vc::lab
