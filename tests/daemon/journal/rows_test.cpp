#include "daemon/journal/rows.h"

#include <doctest/doctest.h>

#include "tests/daemon/journal/records.h"

namespace vc {

using namespace test;

TEST_CASE("phase times are one text and come back") {
    const std::vector<PhaseTime> phases{{Phase::tcp, 1200ns}, {Phase::send_receive, 53ms}};
    CHECK(phases_text(phases) == "tcp=1200 send_receive=53000000");
    const auto back = phases_from(phases_text(phases));
    REQUIRE(back);
    REQUIRE(back->size() == 2);
    CHECK((*back)[1].phase == Phase::send_receive);
    CHECK((*back)[1].took == 53ms);
    CHECK(phases_from("")->empty());
}

TEST_CASE("a text that is no list of phase times is not taken for one") {
    CHECK(!phases_from("tcp"));
    CHECK(!phases_from("tcp="));
    CHECK(!phases_from("tcp=1x"));
    CHECK(!phases_from("tcpp=1"));
    CHECK(!phases_from("tcp=1  call=2"));
}

TEST_CASE("an observation with a word that is not known is an error that names it") {
    const TemporaryDirectory dir;
    auto database = std::move(*Database::open(dir.file("db"), Database::Mode::read_write));
    Statement row = database->prepare("SELECT 7, 'HB', 0, 1, 2, 3, 'splendid', 'none', 0, ''");
    REQUIRE(row.next());
    CHECK(read_observation(row).error().message == "observation 7: a word in it is not known");
}

TEST_CASE("a record of a kind that is not known is an error that names it") {
    const TemporaryDirectory dir;
    auto database = std::move(*Database::open(dir.file("db"), Database::Mode::read_write));
    Statement row = database->prepare("SELECT 9, 1, 2, 'miracle', '{}'");
    REQUIRE(row.next());
    CHECK(read_record(row).error().message.starts_with("record 9: "));
}

}  // namespace vc
