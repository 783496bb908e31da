// Brokers that want to know who we are: keys, identities and certificates, right, wrong and
// replaced while everything runs.
#include <doctest/doctest.h>

#include "tests/e2e/guarded.h"
#include "tests/e2e/story.h"

using namespace vc::e2e;
using namespace std::chrono_literals;

namespace {

std::int64_t finished(const Watcher& watcher, const char* channel, const char* outcome) {
    return watcher.status()
        .at("channels")
        .at(channel)
        .at("finished")
        .at(outcome)
        .to_number<std::int64_t>();
}

std::int64_t ok(const Watcher& watcher, const char* channel) {
    return finished(watcher, channel, "ok");
}

std::int64_t migrations(const Watcher& watcher) {
    return watcher.status().at("migrations").to_number<std::int64_t>();
}

}  // namespace

TEST_CASE("keys sign the probes in at both namespaces, over TLS, in every kind of probe") {
    const Guarded guarded;
    Watcher watcher(guarded.dir, guarded.platform, guarded.options(guarded.sas()));
    const bool all = eventually(guarded.platform.clock(), 4min, [&] {
        for (const char* channel : {"DL", "DF", "DX", "DM", "SL", "SF", "SX", "SM"}) {
            if (ok(watcher, channel) < 2) return false;
        }
        return true;
    });
    CHECK_MESSAGE(all, boost::json::serialize(watcher.status().at("channels")));
    CHECK(watcher.unaccounted().empty());
    CHECK(watcher.metrics().find("voltcanary_tls_certificate_expiry_timestamp_seconds{") !=
          std::string::npos);
    CHECK(watcher.stop() == 0);
}

TEST_CASE("a key is replaced without a restart and without a move") {
    const Guarded guarded;
    Watcher watcher(guarded.dir, guarded.platform, guarded.options(guarded.sas()));
    const vc::Clock& clock = guarded.platform.clock();
    REQUIRE(
        eventually(clock, 2min, [&] { return ok(watcher, "DF") > 2 && ok(watcher, "DL") > 5; }));
    // As an operator does it: the namespace takes both, we are given the new one, the old one goes.
    guarded.accept({"probe:first-key", "next:second-key"});
    guarded.write_key("next", "second-key");
    const auto renewed = [&] {
        return watcher.process().log_text().find("a credential was renewed") != std::string::npos;
    };
    REQUIRE(eventually(clock, 1min, renewed));
    guarded.accept({"next:second-key"});
    const std::int64_t fresh = ok(watcher, "DF");
    const std::int64_t kept = ok(watcher, "DL");
    REQUIRE(eventually(clock, 3min, [&] {
        return ok(watcher, "DF") > fresh + 6 && ok(watcher, "DL") > kept + 60;
    }));
    CHECK(finished(watcher, "DF", "auth") == 0);
    CHECK(finished(watcher, "DL", "auth") == 0);
    // As it goes wrong: the old one is good for nothing before we have heard of the new one.
    guarded.accept({"next:third-key"});
    REQUIRE(eventually(clock, 2min, [&] { return finished(watcher, "DF", "auth") > 1; }));
    guarded.write_key("next", "third-key");
    const std::int64_t before = ok(watcher, "DF");
    CHECK(eventually(clock, 3min, [&] { return ok(watcher, "DF") > before + 3; }));
    CHECK(migrations(watcher) == 0);
    CHECK(watcher.stop() == 0);
}

TEST_CASE("an identity is let in by a token, and by the next one before the first ends") {
    const Guarded guarded;
    guarded.platform.post("/azure", {{"token_life_s", 120}});
    Watcher watcher(guarded.dir, guarded.platform, guarded.options(guarded.identity()));
    const vc::Clock& clock = guarded.platform.clock();
    REQUIRE(eventually(clock, 2min, [&] { return ok(watcher, "DF") > 2; }));
    // Three lives of a token.
    const std::int64_t fresh = ok(watcher, "DF");
    REQUIRE(eventually(clock, 8min, [&] { return ok(watcher, "DF") > fresh + 36; }));
    CHECK(finished(watcher, "DF", "auth") <= 1);  // before the first token was there
    CHECK(migrations(watcher) == 0);
    // No more tokens: good as long as the last one lasts, then a fault of its own name.
    guarded.platform.post("/azure", {{"part", "tokens"}, {"mode", "missing"}});
    CHECK(eventually(clock, 5min, [&] { return finished(watcher, "DF", "auth") > 2; }));
    guarded.platform.post("/azure", {{"part", "tokens"}, {"mode", "honest"}});
    const std::int64_t again = ok(watcher, "DF");
    CHECK(eventually(clock, 3min, [&] { return ok(watcher, "DF") > again + 1; }));
    CHECK(migrations(watcher) == 0);
    CHECK(watcher.stop() == 0);
}

TEST_CASE("a key that the namespace does not know is named as such and moves nothing") {
    const Guarded guarded;
    guarded.write_key("probe", "a-wrong-key");
    Watcher watcher(guarded.dir, guarded.platform, guarded.options(guarded.sas()));
    const vc::Clock& clock = guarded.platform.clock();
    REQUIRE(eventually(clock, 3min, [&] { return finished(watcher, "DF", "auth") > 2; }));
    CHECK(ok(watcher, "DF") == 0);
    CHECK(ok(watcher, "DL") == 0);
    CHECK(watcher.metrics().find("phase=\"cbs_put_token\"") != std::string::npos);
    // Long enough for a total outage of the primary to have been acted on twice over.
    CHECK_FALSE(eventually(clock, 10min, [&] { return migrations(watcher) > 0; }));
    CHECK(watcher.stop() == 0);
}

TEST_CASE("a certificate that has expired is found in TLS") {
    const Guarded guarded;
    Watcher watcher(guarded.dir, guarded.platform, guarded.options(guarded.sas()));
    const vc::Clock& clock = guarded.platform.clock();
    REQUIRE(eventually(clock, 2min, [&] { return ok(watcher, "DF") > 2; }));
    guarded.platform.inject(
        {{"component", "primary"}, {"kind", "certificate"}, {"show", "expired"}, {"for_s", 120}});
    CHECK(eventually(clock, 2min, [&] { return finished(watcher, "DF", "tls") > 2; }));
    CHECK(watcher.stop() == 0);
}

TEST_CASE("a client certificate lets the probes in") {
    const Guarded guarded;
    Watcher watcher(
        guarded.dir, guarded.platform,
        guarded.options("auth: {certificate: {certificate: " + guarded.path("client.pem") +
                        ", key: " + guarded.path("client.key") + "}}"));
    CHECK(eventually(guarded.platform.clock(), 3min,
                     [&] { return ok(watcher, "DF") > 2 && ok(watcher, "DL") > 2; }));
    CHECK(watcher.say({"check"}).output.find("by EXTERNAL") != std::string::npos);
    CHECK(watcher.process().log_text().find("PRIVATE KEY") == std::string::npos);
    CHECK(watcher.stop() == 0);
}
