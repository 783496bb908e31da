#include "daemon/config/connection_string.h"

#include <doctest/doctest.h>

using namespace vc;

namespace {

ConnectionString parsed(std::string_view text) {
    auto result = parse_connection_string(text);
    if (!result) MESSAGE(result.error().message);
    REQUIRE(result.has_value());
    return std::move(*result);
}

}  // namespace

TEST_CASE("a connection string of a namespace is taken apart") {
    const auto string = parsed(
        "Endpoint=sb://Ns.servicebus.windows.net/;SharedAccessKeyName=probe;SharedAccessKey=a+b/"
        "c==");
    CHECK(string.endpoint.host == "ns.servicebus.windows.net");
    CHECK(string.endpoint.port == 5671);
    CHECK(string.endpoint.tls);
    CHECK_FALSE(string.endpoint_names_port);
    CHECK(string.key_name == "probe");
    CHECK(string.key.reveal() == "a+b/c==");  // text, never decoded
    CHECK(string.entity_path.empty());
    CHECK_FALSE(string.emulator);
}

TEST_CASE("the parts come in any order and case, with spaces and a last semicolon") {
    const auto string = parsed(
        " sharedaccesskey = k ; TransportType=Amqp; ENTITYPATH=q ;SharedAccessKeyName=r;"
        "endpoint=SB://h:5999;");
    CHECK(string.endpoint.host == "h");
    CHECK(string.endpoint.port == 5999);
    CHECK(string.endpoint_names_port);
    CHECK(string.key.reveal() == "k");
    CHECK(string.entity_path == "q");
}

TEST_CASE("the development emulator speaks plain AMQP") {
    const auto string = parsed(
        "Endpoint=sb://localhost;SharedAccessKeyName=r;SharedAccessKey=k;"
        "UseDevelopmentEmulator=TRUE;");
    CHECK(string.emulator);
    CHECK(string.endpoint.scheme == "amqp");
    CHECK(string.endpoint.port == 5672);
    CHECK_FALSE(string.endpoint.tls);
    CHECK_FALSE(parsed("Endpoint=sb://h;SharedAccessKeyName=r;SharedAccessKey=k;"
                       "UseDevelopmentEmulator=false")
                    .emulator);
}

TEST_CASE("no text makes the reader of connection strings fail") {
    for (const char* text :
         {"", ";", "=", "==;", "Endpoint=", "Endpoint=sb://;SharedAccessKey=",
          "Endpoint=sb://;SharedAccessKeyName=r;SharedAccessKey=k", "\xff\xfe"}) {
        CHECK_FALSE(parse_connection_string(text).has_value());
    }
}
