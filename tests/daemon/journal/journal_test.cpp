#include "daemon/journal/journal.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/host/file.h"
#include "daemon/journal/reader.h"
#include "tests/daemon/journal/records.h"

namespace vc {

using namespace test;

TEST_CASE("records come back in their order, as they were, after a restart") {
    const TemporaryDirectory dir;
    Running run(options_in(dir));
    const std::string id = run.journal->id();
    CHECK(run.load().empty());
    run.write({opened(1, 1s, {AttemptId{5}}), page(1, 2s)});
    run.write({proposed(7, 1, 3s), step_started(7, 4s)});
    run.reopen();
    CHECK(run.journal->id() == id);
    const auto contents = run.journal->load();
    REQUIRE(contents);
    CHECK(kinds(contents->records) ==
          "incident_opened page_raised migration_proposed step_started");
    CHECK(contents->last == at(4s));
    const auto& first = std::get<IncidentOpened>(contents->records[0].body);
    CHECK(contents->records[0].at == at(1s));
    CHECK(first.reason == "heartbeats fail");
    CHECK(first.evidence == std::vector{AttemptId{5}});
    CHECK(std::get<MigrationProposed>(contents->records[2].body).plan.steps[0].deadline == 30s);
}

TEST_CASE("actions are released by the token of their own batch, and never before it") {
    const TemporaryDirectory dir;
    Running run(options_in(dir));
    std::vector<std::uint64_t> order;
    std::size_t released = 0;
    for (std::uint64_t number = 1; number <= 200; ++number) {
        std::vector<Action> actions{NotifyPage{}};
        // Every third has nothing to write.
        std::vector<Record> records;
        if (number % 3 != 0) records.push_back(block(Duration(number)));
        Batch batch(number, std::move(records), std::move(actions));
        run.journal->append(std::move(batch), [&](Result<SyncedToken> token, Batch batch) {
            REQUIRE(token);
            order.push_back(token->number());
            released += std::move(batch).release(*token).size();
        });
        CHECK(order.empty());
    }
    REQUIRE(run_until(run.io, [&] { return order.size() == 200; }));
    for (std::uint64_t i = 0; i < 200; ++i)
        CHECK(order[i] == i + 1);
    CHECK(released == 200);
    CHECK(run.journal->counts().records_written == 134);
    CHECK(run.journal->counts().batches_waiting == 0);
}

TEST_CASE("a process killed while it writes has lost nothing that was acknowledged") {
    const TemporaryDirectory dir;
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        boost::asio::io_context io;
        auto journal = Journal::open(io, Clock(), options_in(dir));
        if (!journal) ::_exit(1);
        // Batches of 20 records, each batch with a score of its own; its number goes to the
        // parent when it is acknowledged.
        for (std::uint64_t number = 1; number <= 100'000; ++number) {
            std::vector<Record> records(20, block(1s, static_cast<std::int64_t>(number)));
            (*journal)->append(Batch(number, std::move(records), {}),
                               [&](Result<SyncedToken> token, Batch) {
                                   if (!token) return;
                                   const std::uint64_t synced = token->number();
                                   if (::write(pipe[1], &synced, sizeof synced) < 0) ::_exit(1);
                               });
            io.restart();
            io.poll();
        }
        ::_exit(0);
    }
    ::close(pipe[1]);
    std::uint64_t acknowledged = 0;
    while (acknowledged < 300) {
        REQUIRE(::read(pipe[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged);
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    // What it had still said.
    while (::read(pipe[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
    }
    ::close(pipe[0]);

    Running run(options_in(dir));
    std::vector<std::uint64_t> counts(1);
    for (const Record& record : run.load()) {
        const auto score = static_cast<std::size_t>(std::get<BlockClosed>(record.body).score);
        REQUIRE(score + 1 >= counts.size());  // in order
        REQUIRE(score <= counts.size());      // without a gap
        if (score == counts.size()) counts.push_back(0);
        ++counts[score];
    }
    CHECK(counts.size() - 1 >= acknowledged);
    for (std::size_t number = 1; number < counts.size(); ++number)
        CHECK(counts[number] == 20);  // whole or not at all
}

TEST_CASE("a second daemon on the same directory is refused, and its leaving lets another in") {
    const TemporaryDirectory dir;
    Running run(options_in(dir));
    boost::asio::io_context io;
    const auto second = Journal::open(io, Clock(), options_in(dir));
    REQUIRE(!second);
    CHECK(second.error().message == "another voltcanary uses the state directory " + dir.path() +
                                        ": cannot lock " + dir.file("journal.lock") +
                                        ": locked by process " + std::to_string(::getpid()));
    run.journal.reset();
    CHECK(Journal::open(io, Clock(), options_in(dir)));
}

TEST_CASE("attempt ids are never given twice, restarted or killed") {
    const TemporaryDirectory dir;
    std::uint64_t last = 0;
    {
        Running run(options_in(dir));
        for (int i = 0; i < 1000; ++i) {
            const std::uint64_t id = run.journal->next_attempt().value;
            CHECK(id == last + 1);
            last = id;
        }
    }
    {
        Running run(options_in(dir));
        // An orderly stop wastes none.
        CHECK(run.journal->next_attempt().value == last + 1);
        run.flush();
    }
    const pid_t child = ::fork();
    if (child == 0) {
        boost::asio::io_context io;
        auto journal = Journal::open(io, Clock(), options_in(dir));
        for (int i = 0; i < 1000; ++i)
            (*journal)->next_attempt();
        ::_exit(0);  // without a word to the journal
    }
    ::waitpid(child, nullptr, 0);
    Running run(options_in(dir));
    CHECK(run.journal->next_attempt().value > last + 1000);
}

TEST_CASE("kept of the observations are those not ok, those tainted, and those cited") {
    const TemporaryDirectory dir;
    Running run(options_in(dir));
    run.journal->note(seen(1, 1s, Outcome::ok));
    run.journal->note(seen(2, 2s, Outcome::timeout));
    Observation tainted = seen(3, 3s, Outcome::ok);
    tainted.tainted = true;
    run.journal->note(tainted);
    run.journal->note(seen(4, 4s, Outcome::ok));
    run.write({opened(1, 20s, {AttemptId{2}, AttemptId{4}})});
    run.flush();
    CHECK(run.journal->counts().observations_written == 3);
    auto reader = JournalReader::open(dir.path());
    const auto chain = reader->incident(IncidentId{1});
    REQUIRE(chain->has_value());
    REQUIRE((*chain)->evidence.size() == 2);
    const Observation& cited = (*chain)->evidence[0];
    const Observation original = seen(2, 2s, Outcome::timeout);
    CHECK(cited.id == original.id);
    CHECK(cited.channel == original.channel);
    CHECK(cited.target == 3);
    CHECK(cited.due == original.due);
    CHECK(cited.started == original.started);
    CHECK(cited.finished == original.finished);
    CHECK(cited.outcome == Outcome::timeout);
    CHECK(cited.failed_phase == Phase::call);
    REQUIRE(cited.phases.size() == 2);
    CHECK(cited.phases[1].took == 14s);
    CHECK(cited.direction == Direction::recv);
    CHECK((*chain)->evidence[1].id == AttemptId{4});
    CHECK((*chain)->evidence[1].outcome == Outcome::ok);
    run.reopen();
    CHECK(run.journal->load()->last == at(20s));
}

TEST_CASE("when too many observations wait, the oldest go and are counted; records never do") {
    const TemporaryDirectory dir;
    JournalOptions options = options_in(dir);
    options.observations_max = 10;
    Running run(options);
    // The first is under way at once; the loop does not turn, so the others wait.
    for (std::uint64_t id = 1; id <= 31; ++id)
        run.journal->note(seen(id, 1s));
    for (int i = 0; i < 500; ++i)
        run.journal->append(Batch(++run.number, {block(1s)}, {}), [](auto, auto) {});
    CHECK(run.journal->counts().observations_dropped == 20);
    CHECK(run.journal->counts().observations_waiting == 10);
    run.flush();
    CHECK(run.journal->counts().observations_written == 11);
    CHECK(run.journal->counts().records_written == 500);
}

TEST_CASE("until when pages are settled is known to the next run") {
    const TemporaryDirectory dir;
    Running run(options_in(dir));
    CHECK(run.journal->load()->pages_settled == Instant{});
    run.journal->settle_pages(at(5s));
    run.journal->settle_pages(at(9s));
    run.flush();
    run.reopen();
    CHECK(run.journal->load()->pages_settled == at(9s));
    run.journal->settle_pages(at(10s));
    run.journal->settle_pages(at(11s));
    run.reopen();
    CHECK(run.journal->load()->pages_settled == at(11s));
}

TEST_CASE("observations that never stop coming do not keep the old ones from going") {
    const TemporaryDirectory dir;
    JournalOptions options = options_in(dir);
    options.upkeep_every = 1ms;
    options.retention = 1ms;
    Running run(options);
    std::uint64_t id = 0;
    // Whenever a write ends, the next observation waits already.
    CHECK(run_until(run.io, [&] {
        run.journal->note(seen(++id, 1s));
        return run.journal->counts().rows_retired > 0;
    }));
    run.flush();
    CHECK(run.journal->counts().observations_written == id);
}

TEST_CASE("a journal destroyed with batches waiting has written them and calls nobody") {
    const TemporaryDirectory dir;
    Running run(options_in(dir));
    bool called = false;
    for (int i = 0; i < 300; ++i)
        run.journal->append(Batch(++run.number, {block(1s)}, {}),
                            [&](auto, auto) { called = true; });
    run.journal->note(seen(1, 1s));
    run.journal.reset();
    run.io.restart();
    run.io.poll();
    CHECK(!called);
    run.open();
    CHECK(run.load().size() == 300);
}

TEST_CASE("a full journal says so, holds its batches in order, and goes on when there is room") {
    const TemporaryDirectory dir;
    JournalOptions options = options_in(dir);
    options.bytes_max = 200 * 1024;
    options.retry_every = 10ms;
    options.upkeep_every = 1h;
    // Everything written here is older than that, so the first upkeep makes room.
    options.retention = 1ms;
    Running run(options);
    std::vector<JournalState> states;
    std::string words;
    run.journal->on_state([&](JournalState state, const std::string& why) {
        states.push_back(state);
        words = why;
        if (state == JournalState::disk_full) {
            CHECK(why == "database or disk is full");
            CHECK(to_text(run.journal->counts().state) == "disk_full");
        }
    });
    std::vector<std::uint64_t> order;
    for (std::uint64_t number = 1; number <= 100; ++number) {
        std::vector<Record> records(50, block(Duration(number), 1));
        run.journal->append(Batch(number, std::move(records), {NotifyPage{}}),
                            [&](Result<SyncedToken> token, Batch batch) {
                                REQUIRE(token);
                                CHECK(std::move(batch).release(*token).size() == 1);
                                order.push_back(token->number());
                            });
        // One transaction each.
        REQUIRE(run_until(run.io, [&] {
            return order.size() == number || run.journal->counts().state != JournalState::ok;
        }));
    }
    REQUIRE(run_until(run.io, [&] { return order.size() == 100; }));
    for (std::uint64_t i = 0; i < 100; ++i)
        CHECK(order[i] == i + 1);
    CHECK(states.size() >= 2);
    CHECK(states.front() == JournalState::disk_full);
    CHECK(states.back() == JournalState::ok);
    CHECK(words == "written again");
    CHECK(run.journal->counts().write_failures > 0);
    CHECK(run.journal->counts().rows_retired > 0);
    CHECK(run.journal->counts().file_bytes <= 200 * 1024);
}

TEST_CASE(
    "a disk that fails is a named state; nothing is half written, and actions are never "
    "released") {
    const TemporaryDirectory dir;
    JournalOptions options = options_in(dir);
    options.retry_every = 10ms;
    Running run(options);
    run.write({opened(1, 1s)});
    // From here on the kernel refuses to let any file grow: EFBIG instead of a signal.
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit none{1, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &none);

    bool synced = false;
    std::string failed;
    Batch returned(0, {}, {});
    run.journal->append(Batch(2, {page(1, 2s), page(1, 3s)}, {NotifyPage{}}),
                        [&](Result<SyncedToken> token, Batch batch) {
                            synced = token.has_value();
                            if (!token) failed = token.error().message;
                            returned = std::move(batch);
                        });
    const bool failing =
        run_until(run.io, [&] { return run.journal->counts().write_failures >= 2; });
    const JournalCounts counts = run.journal->counts();
    run.journal->give_up();
    const bool told = run_until(run.io, [&] { return !failed.empty(); });
    run.journal.reset();
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, handler);

    CHECK(failing);
    CHECK(told);
    CHECK(counts.state == JournalState::failing);
    CHECK(counts.batches_waiting == 1);
    CHECK(!synced);
    CHECK(failed == "batch 2 is not on disk: the journal was closed while it was failing");
    CHECK(returned.records().size() == 2);
    run.open();
    CHECK(kinds(run.load()) == "incident_opened");
}

TEST_CASE("a directory that cannot be made or written is refused at once") {
    const TemporaryDirectory dir;
    REQUIRE(write_file(dir.file("f"), ""));
    boost::asio::io_context io;
    JournalOptions options = options_in(dir);
    options.directory = dir.file("f");
    CHECK(Journal::open(io, Clock(), options).error().message ==
          "cannot make the directory " + dir.file("f") + ": a file has that name");
    options.directory = dir.file("a/b");
    CHECK(Journal::open(io, Clock(), options));
}

TEST_CASE("the states of a journal have names") {
    CHECK(to_text(JournalState::ok) == "ok");
    CHECK(to_text(JournalState::disk_full) == "disk_full");
    CHECK(to_text(JournalState::failing) == "failing");
}

}  // namespace vc
