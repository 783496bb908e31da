#include "daemon/schedule.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

using namespace std::chrono_literals;
using vc::Channel;
using vc::Instant;
using vc::Schedule;

namespace {
constexpr Instant start{1000s};
}

TEST_CASE("an empty schedule is never due") {
    Schedule schedule(start);
    CHECK_FALSE(schedule.next());
    CHECK(schedule.take(start + 1h).due.empty());
}

TEST_CASE("every entry is due once in each of its periods, whenever it is asked") {
    Schedule schedule(start);
    const auto heartbeat = schedule.add({Channel::HB, 1, 5s, 5s});
    const auto transaction = schedule.add({Channel::TX, 1, 30s, 10s});
    std::map<std::size_t, std::vector<Instant>> seen;
    for (auto now = start; now <= start + 300s; now += 700ms) {
        const auto taken = schedule.take(now);
        CHECK(taken.missed.empty());
        for (const auto& due : taken.due) {
            CHECK(due.due <= now);
            CHECK(now - due.due < 700ms);
            seen[due.entry].push_back(due.due);
        }
    }
    CHECK(seen[heartbeat].size() == 60);
    CHECK(seen[transaction].size() == 10);
    for (const auto& [entry, times] : seen) {
        for (std::size_t i = 1; i < times.size(); ++i) {
            CHECK(times[i] - times[i - 1] == schedule.entry(entry).every);
        }
    }
}

TEST_CASE("first due times are spread over the period") {
    Schedule schedule(start);
    for (std::uint32_t i = 0; i < 100; ++i)
        schedule.add({Channel::HB, i, 10s, 5s});
    std::vector<int> per_second(10);
    for (const auto& due : schedule.take(start + 10s).due) {
        ++per_second[static_cast<std::size_t>((due.due - start) / 1s)];
    }
    CHECK(*std::min_element(per_second.begin(), per_second.end()) >= 8);
    CHECK(*std::max_element(per_second.begin(), per_second.end()) <= 12);
}

TEST_CASE("what is due comes oldest first, and next() is the time of the first of the rest") {
    Schedule schedule(start);
    for (std::uint32_t i = 0; i < 20; ++i)
        schedule.add({Channel::DL, i, 1s, 2s});
    const auto taken = schedule.take(start + 900ms);
    CHECK(std::is_sorted(taken.due.begin(), taken.due.end(),
                         [](const auto& a, const auto& b) { return a.due < b.due; }));
    REQUIRE(schedule.next());
    CHECK(*schedule.next() > start + 900ms);
}

TEST_CASE("ticks that were slept through are counted as missed and not made up for") {
    Schedule schedule(start);
    const auto entry = schedule.add({Channel::HB, 1, 5s, 5s});
    const auto taken = schedule.take(start + 60s);
    CHECK(taken.due.size() == 1);
    CHECK(taken.missed.size() == 11);
    CHECK(taken.missed.front() == entry);
    CHECK(*schedule.next() > start + 60s);
}
