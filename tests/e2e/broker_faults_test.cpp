// The faults of a broker, one after another on the primary, and how each looks from outside: on
// which channel, ended how, in which phase. The standby stays out of it, nothing is moved, and when
// the fault is over the probes find that out by themselves.
#include <doctest/doctest.h>

#include <cstdio>
#include <sstream>

#include "tests/e2e/guarded.h"
#include "tests/e2e/story.h"

using namespace vc::e2e;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

// A fault, and the failure it must be seen as.
struct Fault {
    const char* kind;
    json::object more;     // of the request
    const char* channel;   // which suffers
    const char* outcome;   // how its attempts end
    const char* phase;     // where
    const char* unharmed;  // a channel that goes on; null: none does
};

constexpr auto seen_within = 2min;
constexpr auto well_within = 3min;

double value_of(const std::string& metrics, const std::string& series) {
    std::istringstream lines(metrics);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(series + " ")) return std::stod(line.substr(series.size()));
    }
    return 0;
}

double failures(const Watcher& watcher, const Fault& fault) {
    return value_of(watcher.metrics(), std::string("voltcanary_probe_failures_total{channel=\"") +
                                           fault.channel + "\",outcome=\"" + fault.outcome +
                                           "\",phase=\"" + fault.phase + "\"}");
}

std::int64_t finished(const Watcher& watcher, const char* channel, const char* outcome) {
    const json::object status = watcher.status();
    return status.at("channels").at(channel).at("finished").at(outcome).to_number<std::int64_t>();
}

std::int64_t ok(const Watcher& watcher, const char* channel) {
    return finished(watcher, channel, "ok");
}

// Attempts on the standby: all that ended, and those of them that were not ok.
struct Standby {
    std::int64_t ended = 0;
    std::int64_t bad = 0;

    explicit Standby(const Watcher& watcher) {
        const json::object status = watcher.status();
        for (const char* channel : {"SL", "SF", "SX", "SM"}) {
            for (const auto& [outcome, count] :
                 status.at("channels").at(channel).at("finished").as_object()) {
                ended += count.to_number<std::int64_t>();
                if (outcome != "ok") bad += count.to_number<std::int64_t>();
            }
        }
    }
};

// Everything that failed, for the reader of a failed test.
std::string failures_of(const Watcher& watcher) {
    std::istringstream lines(watcher.metrics());
    std::string found;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("voltcanary_probe_failures_total{")) found += line + "\n";
    }
    return found;
}

// The primary's own probes work again, kept connections and fresh ones.
bool recovers(const Guarded& guarded, const Watcher& watcher) {
    const std::int64_t kept = ok(watcher, "DL");
    const std::int64_t fresh = ok(watcher, "DF");
    return eventually(guarded.platform.clock(), well_within, [&] {
        return ok(watcher, "DL") >= kept + 10 && ok(watcher, "DF") >= fresh + 3;
    });
}

void check_fault(const Guarded& guarded, const Watcher& watcher, const Fault& fault) {
    const std::string kind = fault.kind;
    CAPTURE(kind);
    const vc::Clock& clock = guarded.platform.clock();
    const Standby before(watcher);
    const double seen = failures(watcher, fault);
    const std::int64_t going_on = fault.unharmed == nullptr ? 0 : ok(watcher, fault.unharmed);
    json::object request{{"component", "primary"}, {"kind", fault.kind}};
    for (const auto& [key, value] : fault.more)
        request[key] = value;
    const vc::Instant began = clock.now();
    const std::string id = guarded.platform.inject(request);
    const bool found =
        eventually(clock, seen_within, [&] { return failures(watcher, fault) >= seen + 2; });
    const vc::Instant named = clock.now();
    CHECK_MESSAGE(found, failures_of(watcher));
    if (fault.unharmed != nullptr) {
        CHECK(eventually(clock, 1min, [&] { return ok(watcher, fault.unharmed) >= going_on + 2; }));
    }
    guarded.platform.clear(id);
    const vc::Instant cleared = clock.now();
    CHECK_MESSAGE(recovers(guarded, watcher), failures_of(watcher));
    const Standby after(watcher);
    CHECK(after.ended > before.ended);
    // A machine that is busy may make one late.
    CHECK((after.bad - before.bad) * 10 <= after.ended - before.ended);
    CHECK(watcher.status().at("migrations").to_number<int>() == 0);
    std::printf("%-16s seen after %5.1f s, well %5.1f s after its end\n", fault.kind,
                vc::seconds(named - began), vc::seconds(clock.now() - cleared));
}

}  // namespace

TEST_CASE("each fault of a broker has its own face, and the probes recover from each") {
    const Guarded guarded;
    WatcherOptions options = guarded.options(guarded.sas());
    options.automatic = false;
    Watcher watcher(guarded.dir, guarded.platform, options);
    REQUIRE(recovers(guarded, watcher));
    const Fault faults[] = {
        {"settle_stall", {}, "DL", "timeout", "send_settle", nullptr},
        {"deliver_stall", {}, "DL", "timeout", "send_receive", nullptr},
        {"duplicate", {}, "DL", "duplicate", "send_receive", nullptr},
        {"cbs_401", {}, "DF", "auth", "cbs_put_token", "DL"},
        {"server_busy", {}, "DL", "busy", "send_settle", nullptr},
        {"tls_stall", {}, "DF", "timeout", "tls", "DL"},
        {"sasl_stall", {}, "DF", "timeout", "sasl", "DL"},
        {"open_stall", {}, "DF", "timeout", "open", "DL"},
        {"cbs_stall", {}, "DF", "timeout", "cbs_put_token", "DL"},
        {"attach_stall", {}, "DF", "timeout", "cbs_attach", "DL"},
        {"attach_stall", {{"role", "send"}}, "DF", "timeout", "attach_send", "DL"},
        {"attach_stall", {{"role", "receive"}}, "DF", "timeout", "attach_recv", "DL"},
        {"freeze", {}, "DL", "timeout", "send_settle", nullptr},
        {"silent_receiver", {}, "DL", "timeout", "send_receive", "DF"},
        {"credit_starve", {}, "DF", "timeout", "credit", "DL"},
        {"heartbeat_only", {}, "DL", "timeout", "send_settle", nullptr},
    };
    for (const Fault& fault : faults)
        check_fault(guarded, watcher, fault);
    CHECK(watcher.unaccounted().empty());
    CHECK(watcher.stop() == 0);
}

TEST_CASE("a receiver that has fallen silent is replaced while the fault lasts") {
    const Guarded guarded;
    WatcherOptions options = guarded.options(guarded.sas());
    options.automatic = false;
    Watcher watcher(guarded.dir, guarded.platform, options);
    REQUIRE(recovers(guarded, watcher));
    guarded.platform.inject({{"component", "primary"}, {"kind", "silent_receiver"}});
    const auto timed_out = [&] { return finished(watcher, "DL", "timeout") >= 2; };
    REQUIRE(eventually(guarded.platform.clock(), seen_within, timed_out));
    CHECK_MESSAGE(recovers(guarded, watcher), failures_of(watcher));
    CHECK(watcher.stop() == 0);
}
