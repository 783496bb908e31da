#include "daemon/credentials/sas.h"

#include <doctest/doctest.h>

using namespace vc;

// The expected tokens were made by Python's hmac and, the first one, by the openssl command too.
TEST_CASE("a token is signed as an independent tool signs it") {
    CHECK(signed_token("amqps://ns.servicebus.windows.net/canary-0", "RootManageSharedAccessKey",
                       Secret("4hDbs0YzLJcM3VjTxoyEcNDJ5cmPtmWwyGFXU3ygzIo="), 1763650000) ==
          "SharedAccessSignature sr=amqps%3A%2F%2Fns.servicebus.windows.net%2Fcanary-0"
          "&sig=f7Y5q%2BdtUDl49krJP9%2BsmMdEECIRqIaILeEs2TbfaU4%3D"
          "&se=1763650000&skn=RootManageSharedAccessKey");
    CHECK(signed_token("amqp://127.0.0.1:5672/a b/\xc3\xbc", "probe rule", Secret("k"), 1) ==
          "SharedAccessSignature sr=amqp%3A%2F%2F127.0.0.1%3A5672%2Fa%20b%2F%C3%BC"
          "&sig=Rg57Hpu5AnrFHP2uhOyIBwub9GVSVbpXe6YATOhKY%2Fk%3D&se=1&skn=probe%20rule");
}

TEST_CASE("another audience, key or expiry makes another signature") {
    const auto signature = [](const char* audience, const char* key, std::int64_t expiry) {
        const std::string token = signed_token(audience, "r", Secret(key), expiry);
        const auto from = token.find("&sig=");
        return token.substr(from, token.find("&se=") - from);
    };
    const std::string one = signature("sb://h/q", "k", 1);
    CHECK(one == signature("sb://h/q", "k", 1));
    CHECK(one != signature("sb://h/p", "k", 1));
    CHECK(one != signature("sb://h/q", "K", 1));
    CHECK(one != signature("sb://h/q", "k", 2));
}

TEST_CASE("what may stand in a URL stays, all else is encoded") {
    CHECK(percent_encoded("azAZ09-._~") == "azAZ09-._~");
    CHECK(percent_encoded(" !/+=&%\xff") == "%20%21%2F%2B%3D%26%25%FF");
    CHECK(percent_encoded("").empty());
}
