#include "probes/redial.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{500'000h};
const End refused{Outcome::refused, Phase::tcp};

OpenAttempt open_until(Instant deadline) {
    OpenAttempt open;
    open.deadline = deadline;
    return open;
}

}  // namespace

TEST_CASE("a connection is made when it is wanted, again at once, and then with back-off") {
    Redial redial(1);
    CHECK_FALSE(redial.begin(start));
    redial.want();
    CHECK(redial.begin(start));
    redial.up(start);
    redial.lost(refused, start + 1s);
    CHECK(redial.last_failure().outcome == Outcome::refused);
    CHECK_FALSE(redial.next_try(start + 1s));
    CHECK(redial.begin(start + 1s));
    redial.failed({Outcome::timeout, Phase::sasl}, start + 2s);
    CHECK(redial.last_failure().phase == Phase::sasl);
    CHECK_FALSE(redial.begin(start + 2s));
    REQUIRE(redial.next_try(start + 2s));
    CHECK(*redial.next_try(start + 2s) >= start + 2s + 500ms);
    std::optional<Instant> wake;
    redial.wake_by(wake);
    CHECK(wake == redial.next_try(start + 2s));
    CHECK(redial.begin(*wake));
    redial.unwant();
    CHECK_FALSE(redial.wanted());
    wake.reset();
    redial.lost(refused, start + 3s);
    redial.wake_by(wake);
    CHECK_FALSE(wake);
    CHECK_FALSE(redial.begin(start + 1h));
}

TEST_CASE("how long it was missed counts from the loss, or from the first try that failed") {
    Redial redial(1);
    redial.want();
    redial.begin(start);
    CHECK(redial.failed(refused, start + 1s) == 1s);
    redial.begin(start + 1s);
    CHECK(redial.failed(refused, start + 3s) == 3s);
    CHECK(redial.up(start + 5s) == 5s);
    CHECK_FALSE(redial.up(start + 6s));
    redial.lost(refused, start + 10s);
    CHECK(redial.up(start + 12s) == 2s);
}

TEST_CASE("refused credentials are not shown again for a minute, and success forgets failures") {
    Redial redial(1);
    redial.want();
    redial.begin(start);
    redial.failed({Outcome::auth, Phase::sasl}, start);
    CHECK(*redial.next_try(start) >= start + 60s);
    redial.secret_changed();
    CHECK_FALSE(redial.next_try(start));
    Redial none(1);
    none.want();
    none.begin(start);
    none.failed({Outcome::auth, Phase::cbs_put_token}, start, true);
    CHECK_FALSE(none.next_try(start));
    Redial other(1);
    other.want();
    for (int i = 0; i < 5; ++i)
        other.failed(refused, start);
    CHECK(*other.next_try(start) >= start + 4s);
    other.secret_changed();  // which was not why it failed
    CHECK(other.next_try(start));
    other.proved();
    other.lost(refused, start);
    CHECK_FALSE(other.next_try(start));
}

TEST_CASE("those who wait end at their deadline, or when no try comes before it") {
    Waiting waiting;
    CHECK(waiting.empty());
    waiting.add(open_until(start + 3s));
    waiting.add(open_until(start + 1s));
    waiting.add(open_until(start + 2s));
    std::optional<Instant> wake;
    waiting.wake_by(wake);
    CHECK(wake == start + 1s);
    CHECK(waiting.take_expired(start, std::nullopt).empty());
    auto over = waiting.take_expired(start + 1s, std::nullopt);
    REQUIRE(over.size() == 1);
    CHECK(over[0].deadline == start + 1s);
    over = waiting.take_expired(start + 1s, start + 2s);
    REQUIRE(over.size() == 1);
    CHECK(over[0].deadline == start + 2s);
    waiting.set_phases({{Phase::tcp, 1ms}});
    CHECK(waiting.front().phases.size() == 1);
    CHECK(waiting.take().deadline == start + 3s);
    waiting.add(open_until(start));
    CHECK(waiting.take_all().size() == 1);
    CHECK(waiting.empty());
}

}  // namespace vc
