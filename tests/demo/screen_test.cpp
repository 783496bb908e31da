#include "tests/demo/screen.h"

#include <doctest/doctest.h>

using namespace vc::demo;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

Snapshot snapshot() {
    json::object channels;
    for (const char* channel : {"HB", "TX", "DL", "DF", "SL", "SF", "SC", "BH", "CT"}) {
        channels[channel] = {{"recent",
                              {{"attempts", 40},
                               {"bad", 7},
                               {"last_outcome", "timeout"},
                               {"p50_s", 0.0125},
                               {"p99_s", nullptr}}}};
    }
    Snapshot now;
    now.title = "act 1";
    now.since_start = 4min + 5s;
    now.factor = 25;
    now.status = {{"channels", channels},       {"vendor", "green"},
                  {"active_broker", "primary"}, {"standby", {{"reason", std::string(200, 'x')}}},
                  {"incident", nullptr},        {"migration", nullptr}};
    now.ledger = {{"acknowledged", 5}, {"processed", 4}, {"lost", 1}, {"duplicated", 0}};
    now.load = {{"harmed", 3}, {"chargers", 20}};
    return now;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string all;
    for (const std::string& line : lines)
        all += line + "\n";
    return all;
}

}  // namespace

TEST_CASE("the picture shows every probe, the vendor's claim, the diagnosis and the move") {
    Snapshot now = snapshot();
    std::string quiet = joined(picture(now));
    for (const char* words :
         {"time 04:05 min, time-lapse x25", "12 ms", "7 of 40", "vendor claims  green",
          "nothing is wrong", "none; the platform is on the primary", "acknowledged 5, processed 4",
          "3 of 20 ordinary ones in harm"}) {
        CHECK_MESSAGE(quiet.find(words) != std::string::npos, words << " in\n" << quiet);
    }
    now.status["incident"] = {{"id", 1},
                              {"state", "confirmed"},
                              {"decision", "page"},
                              {"diagnosis", "primary_broker"},
                              {"posterior", 0.987},
                              {"runner_up", "consumers"},
                              {"runner_up_posterior", 0.01}};
    now.status["migration"] = {{"from", "primary"}, {"to", "standby"}, {"state", "verifying"}};
    const std::string busy = joined(picture(now));
    CHECK(busy.find("primary_broker 98.7 %, else consumers 1.0 %") != std::string::npos);
    CHECK(busy.find("primary to standby: verifying") != std::string::npos);
    CHECK(line(now).find("primary_broker 98.7 %") != std::string::npos);
}

TEST_CASE("no line of the picture is wider than a terminal") {
    for (const std::string& one : picture(snapshot()))
        CHECK(one.size() <= 80);
}
