// Records, observations and a running journal for the journal's tests.
#pragma once

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/journal/journal.h"
#include "tests/daemon/loop.h"

namespace vc::test {

using namespace std::chrono_literals;

inline Instant at(Duration since) {
    return Instant{Duration{1'763'650'000'000'000'000} + since};
}

inline Record block(Duration when, std::int64_t score = 0) {
    BlockClosed body;
    body.from = at(when);
    body.bad = true;
    body.score = score;
    return {at(when), body};
}

inline Record opened(std::uint64_t incident, Duration when, std::vector<AttemptId> evidence = {}) {
    return {at(when), IncidentOpened{IncidentId{incident}, "heartbeats fail", std::move(evidence)}};
}

inline Record moved(std::uint64_t incident, Duration when, IncidentState state) {
    return {at(when), IncidentMoved{IncidentId{incident}, state, "because"}};
}

inline Record closed(std::uint64_t incident, Duration when) {
    return moved(incident, when, IncidentState::closed);
}

inline MigrationPlan plan(std::uint64_t epoch, std::uint64_t incident) {
    MigrationPlan plan;
    plan.epoch = Epoch{epoch};
    plan.incident = IncidentId{incident};
    plan.from = "primary";
    plan.to = "standby";
    plan.reason = "primary_broker";
    MigrationStep step;
    step.name = "attach";
    step.hook = "attach";
    step.deadline = 30s;
    plan.steps.push_back(step);
    return plan;
}

inline Record proposed(std::uint64_t epoch, std::uint64_t incident, Duration when) {
    return {at(when), MigrationProposed{plan(epoch, incident)}};
}

inline Record step_started(std::uint64_t epoch, Duration when) {
    HookRun run;
    run.epoch = Epoch{epoch};
    return {at(when), StepStarted{run, "attach", std::to_string(epoch) + ".1.attach"}};
}

inline Record ended(std::uint64_t epoch, Duration when, MigrationResult result) {
    return {at(when), MigrationEnded{Epoch{epoch}, result, "done"}};
}

inline Record page(std::uint64_t incident, Duration when) {
    return {at(when), PageRaised{IncidentId{incident}, Severity::high, "the primary is gray"}};
}

inline Record command(Command command, Duration when) {
    return {at(when), CommandTaken{CommandGiven{command, "anna", "because"}}};
}

inline Observation seen(std::uint64_t id, Duration when, Outcome outcome = Outcome::timeout) {
    Observation observation;
    observation.id = AttemptId{id};
    observation.channel = Channel::HB;
    observation.target = 3;
    observation.due = at(when);
    observation.started = at(when + 1ms);
    observation.finished = at(when + 15s);
    observation.outcome = outcome;
    observation.failed_phase = outcome == Outcome::ok ? Phase::none : Phase::call;
    observation.phases = {{Phase::tcp, 2ms}, {Phase::call, 14s}};
    observation.direction = Direction::recv;
    return observation;
}

// A journal on a loop of its own. The clock stands where the records do.
struct Running {
    explicit Running(JournalOptions chosen) : options(std::move(chosen)) { open(); }

    void open() {
        auto opened = Journal::open(io, clock, options);
        REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
        journal = std::move(*opened);
    }
    void reopen() {
        journal.reset();
        open();
    }
    // Appends and waits until it is on disk.
    void write(std::vector<Record> records) {
        bool synced = false;
        Batch batch(++number, std::move(records), {});
        journal->append(std::move(batch), [&](Result<SyncedToken> token, Batch) {
            CHECK(token.has_value());
            synced = true;
        });
        REQUIRE(run_until(io, [&] { return synced; }));
    }
    void flush() {
        bool done = false;
        journal->flush([&] { done = true; });
        REQUIRE(run_until(io, [&] { return done; }));
    }
    std::vector<Record> load() {
        auto contents = journal->load();
        REQUIRE_MESSAGE(contents.has_value(), (contents ? "" : contents.error().message));
        return std::move(contents->records);
    }

    boost::asio::io_context io;
    Clock clock;
    JournalOptions options;
    std::uint64_t number = 0;
    std::unique_ptr<Journal> journal;  // before the loop goes
};

inline JournalOptions options_in(const TemporaryDirectory& dir) {
    JournalOptions options;
    options.directory = dir.path();
    options.retention = 90 * 24h;
    return options;
}

// "incident_opened page_raised", for comparing whole histories at a glance.
inline std::string kinds(const std::vector<Record>& records) {
    std::string text;
    for (const Record& record : records) {
        if (!text.empty()) text += ' ';
        text += kind_of(record);
    }
    return text;
}

}  // namespace vc::test
