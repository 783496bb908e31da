#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

#include "daemon/credentials/credentials.h"

using namespace vc;

namespace {

SasAuth sas(const std::string& name) {
    SasAuth auth;
    auth.key_name = name;
    auth.key = Secret("key of " + name);
    return auth;
}

std::string shown(const std::shared_ptr<const BrokerCredentials>& credentials) {
    const auto header = authorization_for(*credentials, "https://ns/q", Instant{});
    REQUIRE(header);
    const auto at = header->reveal().find("skn=");
    return header->reveal().substr(at + 4);
}

}  // namespace

TEST_CASE("where a broker lists what it holds, a key of its own is shown, else the probes' one") {
    boost::asio::io_context io;
    Config config;
    config.primary.auth = sas("probe-1");
    config.standby.auth = sas("probe-2");
    config.readiness.emplace();
    config.readiness->standby.auth = sas("audit-2");
    const auto credentials = Credentials::make(io, Clock{}, config, {});
    REQUIRE(credentials);
    CHECK(shown((*credentials)->primary()) == "probe-1");
    CHECK(shown((*credentials)->primary_management()) == "probe-1");
    CHECK(shown((*credentials)->standby()) == "probe-2");
    CHECK(shown((*credentials)->standby_management()) == "audit-2");
}
