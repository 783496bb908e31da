// Tokens of Service Bus that are signed, not fetched ("shared access signatures"). Pure.
//
// Source: "Service Bus access control with Shared Access Signatures" in Microsoft's documentation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/config/secret.h"

namespace vc {

// RFC 3986: all but letters, digits and - . _ ~ as %XX.
std::string percent_encoded(std::string_view text);

// "SharedAccessSignature sr=AUDIENCE&sig=SIGNATURE&se=EXPIRY&skn=RULE": the signature is the
// base64 of HMAC-SHA256 over the encoded audience, a line feed and the expiry, in Unix seconds. The
// key is used as the text it is, although it looks like base64.
std::string signed_token(std::string_view audience, std::string_view key_name, const Secret& key,
                         std::int64_t expiry);

}  // namespace vc
