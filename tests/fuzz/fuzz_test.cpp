// The sessions of a broker under a peer that sends anything: every attempt ends once and in time,
// nothing is said to nobody, and nothing grows, leaks or crashes (the sanitizers watch).
#include <doctest/doctest.h>

#include <string>

#include "tests/fuzz/canary.h"
#include "tests/fuzz/harness.h"

namespace vc::fuzz {
namespace {

constexpr std::uint64_t sessions = 20000;

const Recordings& recordings() {
    static const Recordings all = record();
    return all;
}

}  // namespace

TEST_CASE("a stream falls into its frames and can be put together again") {
    std::size_t frames = 0;
    for (const Tape& tape : recordings()) {
        for (const Event& event : tape) {
            std::string together;
            for (const std::string& frame : split_frames(event.bytes)) {
                together += frame;
                ++frames;
            }
            CHECK(together == event.bytes);
        }
    }
    CHECK(frames > 200);
}

TEST_CASE("recordings that are not spoilt are answered as at first") {
    const FuzzResult result = fuzz(recorded_session, recordings(), 1, 1, false);
    CHECK_MESSAGE(!result.violation, result.violation.value_or(""));
    CHECK(result.ends.size() == 1);
    CHECK(result.ends.at("ok none") == 5);
}

TEST_CASE("whatever a peer sends, what must hold of a session holds") {
    const FuzzResult result = fuzz(recorded_session, recordings(), 2026, sessions);
    CHECK_MESSAGE(!result.violation, result.violation.value_or("")
                                         << " in session " << result.session);
    CHECK(result.session == sessions);
    // It comes far enough in, and ends everywhere.
    for (const char* end : {"ok none", "protocol sasl", "protocol open", "protocol cbs_attach",
                            "protocol cbs_put_token", "protocol attach_send",
                            "protocol attach_recv", "protocol send_settle", "reset send_settle",
                            "timeout send_receive", "wrong_answer cbs_put_token"}) {
        CHECK_MESSAGE(result.ends.contains(end), end);
    }
}

TEST_CASE("the same seed gives the same run, another one another") {
    const FuzzResult one = fuzz(recorded_session, recordings(), 7, 100);
    CHECK(one.digest == fuzz(recorded_session, recordings(), 7, 100).digest);
    CHECK(one.digest != fuzz(recorded_session, recordings(), 8, 100).digest);
}

TEST_CASE("mistakes that were made on purpose are found") {
    const FuzzResult forgotten =
        fuzz([] { return forgetful(recorded_session()); }, recordings(), 2026, sessions);
    REQUIRE(forgotten.violation);
    CHECK(*forgotten.violation == "an attempt outlived its deadline");
    const FuzzResult twice =
        fuzz([] { return trusting(recorded_session()); }, recordings(), 2026, sessions);
    REQUIRE(twice.violation);
    CHECK(*twice.violation == "an attempt ended twice");
    const FuzzResult awake = fuzz([] { return std::make_unique<Restless>(recorded_session()); },
                                  recordings(), 2026, sessions);
    REQUIRE(awake.violation);
    CHECK(*awake.violation == "the session wakes in a circle");
}

}  // namespace vc::fuzz
