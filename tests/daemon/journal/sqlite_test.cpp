#include "daemon/journal/sqlite.h"

#include <doctest/doctest.h>

#include "tests/daemon/loop.h"

namespace vc {

using test::TemporaryDirectory;

TEST_CASE("values go in and come out, text with anything in it too") {
    const TemporaryDirectory dir;
    auto database = std::move(*Database::open(dir.file("db"), Database::Mode::read_write));
    database->exec("CREATE TABLE t(a, b, c)");
    const std::string odd("x\0y'\n\xff", 6);
    database->prepare("INSERT INTO t VALUES(?, ?, ?)").bind(INT64_MIN).bind(odd).bind_null().run();
    Statement rows = database->prepare("SELECT a, b, c FROM t");
    REQUIRE(rows.next());
    CHECK(rows.integer(0) == INT64_MIN);
    CHECK(rows.text(1) == odd);
    CHECK(!rows.is_null(1));
    CHECK(rows.is_null(2));
    CHECK(!rows.next());
    CHECK(database->outcome());
}

TEST_CASE("a statement can be bound and run again") {
    const TemporaryDirectory dir;
    auto database = std::move(*Database::open(dir.file("db"), Database::Mode::read_write));
    database->exec("CREATE TABLE t(a)");
    Statement insert = database->prepare("INSERT INTO t VALUES(?)");
    for (std::int64_t i = 1; i <= 3; ++i)
        insert.bind(i).run();
    CHECK(database->changed() == 1);
    CHECK(database->value("SELECT sum(a) FROM t") == 6);
}

TEST_CASE("after an error nothing more is done, the first error is told, and all is undone") {
    const TemporaryDirectory dir;
    auto database = std::move(*Database::open(dir.file("db"), Database::Mode::read_write));
    database->exec("CREATE TABLE t(a UNIQUE)");
    database->exec("BEGIN");
    database->exec("INSERT INTO t VALUES(1)");
    database->exec("INSERT INTO t VALUES(1)");
    database->exec("INSERT INTO nowhere VALUES(1)");
    database->exec("INSERT INTO t VALUES(2)");
    CHECK(!database->ok());
    CHECK(database->value("SELECT count(*) FROM t") == 0);
    database->exec("COMMIT");
    const auto outcome = database->outcome();
    REQUIRE(!outcome);
    CHECK(outcome.error().kind == DatabaseError::Kind::other);
    CHECK(outcome.error().message == "UNIQUE constraint failed: t.a");
    CHECK(database->outcome());
    CHECK(database->value("SELECT count(*) FROM t") == 0);
}

TEST_CASE("errors have kinds") {
    const TemporaryDirectory dir;
    const auto none = Database::open(dir.file("none"), Database::Mode::read_only);
    REQUIRE(!none);
    CHECK(none.error().kind == DatabaseError::Kind::cannot_open);
    CHECK(none.error().message == "unable to open database file");

    auto database = std::move(*Database::open(dir.file("db"), Database::Mode::read_write));
    database->exec("CREATE TABLE t(a)");
    database->value("PRAGMA max_page_count=3");
    database->exec("INSERT INTO t VALUES(zeroblob(100000))");
    CHECK(database->outcome().error().kind == DatabaseError::Kind::full);

    auto reader = std::move(*Database::open(dir.file("db"), Database::Mode::read_only));
    reader->exec("INSERT INTO t VALUES(1)");
    CHECK(reader->outcome().error().kind == DatabaseError::Kind::cannot_open);

    auto other = std::move(*Database::open(dir.file("db"), Database::Mode::read_write));
    other->exec("PRAGMA busy_timeout=1");
    database->exec("BEGIN IMMEDIATE");
    other->exec("BEGIN IMMEDIATE");
    CHECK(other->outcome().error().kind == DatabaseError::Kind::busy);
}

}  // namespace vc
