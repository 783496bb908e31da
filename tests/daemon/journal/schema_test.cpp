#include "daemon/journal/schema.h"

#include <doctest/doctest.h>

#include "daemon/host/file.h"
#include "daemon/journal/reader.h"
#include "tests/daemon/journal/records.h"

namespace vc {

using namespace test;

namespace {

std::string refusal(const TemporaryDirectory& dir) {
    boost::asio::io_context io;
    const auto opened = Journal::open(io, Clock(), options_in(dir));
    return opened ? "" : opened.error().message;
}

void run_sql(const TemporaryDirectory& dir, const char* sql) {
    auto database = Database::open(dir.file(journal_file), Database::Mode::read_write);
    REQUIRE(database);
    (*database)->exec(sql);
    REQUIRE((*database)->outcome());
}

}  // namespace

TEST_CASE("a new journal has our version, is durable and can shrink") {
    const TemporaryDirectory dir;
    { const Running run(options_in(dir)); }
    auto database = Database::open(dir.file(journal_file), Database::Mode::read_only);
    REQUIRE(database);
    CHECK((*database)->value("PRAGMA user_version") == journal_version);
    CHECK((*database)->value("PRAGMA auto_vacuum") == 2);
    CHECK((*database)->value("SELECT count(*) FROM pragma_journal_mode WHERE journal_mode='wal'") ==
          1);
}

TEST_CASE("a journal of a newer program is refused, by writer and reader, and left as it was") {
    const TemporaryDirectory dir;
    { const Running run(options_in(dir)); }
    const std::string newer = std::to_string(journal_version + 1);
    run_sql(dir, ("PRAGMA user_version=" + newer).c_str());
    const std::string words = "journal " + dir.file("journal.db") +
                              ": made by a newer voltcanary (version " + newer +
                              ", this one knows " + std::to_string(journal_version) +
                              "); run that one, or use another state directory";
    CHECK(refusal(dir) == words);
    const auto reader = JournalReader::open(dir.path());
    REQUIRE(!reader);
    CHECK(reader.error().message == words);
    auto database = Database::open(dir.file(journal_file), Database::Mode::read_only);
    CHECK((*database)->value("PRAGMA user_version") == journal_version + 1);
}

TEST_CASE("another program's database, and a file that is none, are refused") {
    const TemporaryDirectory dir;
    run_sql(dir, "CREATE TABLE theirs(x)");
    CHECK(refusal(dir) ==
          "journal " + dir.file("journal.db") + ": this is another program's database");
    REQUIRE(write_file(dir.file("journal.db"), std::string(5000, 'x')));
    CHECK(refusal(dir) == "journal " + dir.file("journal.db") + ": file is not a database");
}

TEST_CASE("a journal whose meta rows are gone, or that has a row nobody can read, says so") {
    const TemporaryDirectory dir;
    {
        Running run(options_in(dir));
        run.write({page(1, 1s), page(1, 2s)});
    }
    run_sql(dir, "UPDATE record SET body='{' WHERE seq=2");
    {
        Running run(options_in(dir));
        const auto contents = run.journal->load();
        REQUIRE(!contents);
        CHECK(contents.error().message.starts_with("journal " + dir.file("journal.db") +
                                                   ": record 2: "));
    }
    run_sql(dir, "DELETE FROM meta WHERE key='id'");
    CHECK(refusal(dir) ==
          "journal " + dir.file("journal.db") + ": its meta table has lost its rows");
}

TEST_CASE("an empty file of an interrupted first start becomes a journal") {
    const TemporaryDirectory dir;
    REQUIRE(write_file(dir.file("journal.db"), ""));
    CHECK(refusal(dir).empty());
}

}  // namespace vc
