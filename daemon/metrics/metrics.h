// Every metric of the daemon, registered in one folder and set to 0 for all its labels from the
// start, so that a rate or an alert never meets a series that is missing. A few families grow as
// their labels are first seen, within closed lists: failures by phase and by entity, reconnects
// that did not succeed, posteriors by diagnosis. Owned by the App, on its thread. Durations are the
// rules' seconds.
//
// Nothing is decided from metrics; they are what an onlooker may know.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/session.h"
#include "rules/engine.h"
#include "rules/observation.h"

namespace vc {

struct BuildFacts {
    std::string version;
    bool quorum_of_one = true;  // one watcher decides alone
};

// What the configuration names, so that its series exist before anything is known of it. Names are
// label values: short, and no secrets.
struct NamedParts {
    struct Source {
        GaugeRole role = GaugeRole::vendor_claim;
        std::string name;  // Gauge::source
    };
    std::vector<Source> sources;
    std::vector<std::string> primary_entities;  // by Observation::target of DL DF DX DM
    std::vector<std::string> standby_entities;  // of SL SF SX SM
    std::vector<std::string> credentials;
};

// How the standby compares with the primary, entity by entity.
struct ReadinessFacts {
    enum class State : std::uint8_t {
        unknown,  // not compared yet, or one of the two could not be read
        ready,    // no difference
        differs,
    };
    State state = State::unknown;
    std::uint64_t differences = 0;   // of the last comparison that succeeded
    std::optional<Instant> checked;  // when that was
};
inline constexpr std::array all_readiness_states{
    ReadinessFacts::State::unknown, ReadinessFacts::State::ready, ReadinessFacts::State::differs};
std::string_view to_text(ReadinessFacts::State state);

// How a try to have a credential anew ended: a token fetched, a file read again.
enum class CredentialRefresh : std::uint8_t {
    renewed,
    failed,   // the old one stays in use while it lasts
    refused,  // the issuer answered that we may not have one
};
inline constexpr std::array all_credential_refreshes{
    CredentialRefresh::renewed, CredentialRefresh::failed, CredentialRefresh::refused};
std::string_view to_text(CredentialRefresh refresh);

// From JournalCounts, without knowing the journal.
struct JournalFacts {
    bool ok = true;
    std::uint64_t records = 0;
    std::uint64_t observations = 0;
    std::uint64_t observations_dropped = 0;
    std::uint64_t failures = 0;
    std::uint64_t batches_waiting = 0;
    std::uint64_t file_bytes = 0;
    Duration last_commit{};
};

struct NotifyFacts {
    std::uint64_t sent = 0;
    std::uint64_t retried = 0;
    std::uint64_t failed = 0;
    std::uint64_t queued = 0;
};

// What the sessions count besides their attempts: connections, and what peers did that belongs to
// no attempt any more.
enum class SessionEvent : std::uint8_t {
    connect,           // a connection came up
    drop,              // the peer, or silence, ended one
    late_answer,       // right, to an attempt that had ended already
    duplicate,         // delivered a second time
    out_of_order,      // a later one of the same link had come before
    unmatched,         // belongs to nothing we know
    malformed,         // broke the protocol
    cleanup,           // a left-over transaction was stopped outside its attempt
    cleanup_given_up,  // a left-over transaction that the peer refused to stop
};
inline constexpr std::array all_session_events{
    SessionEvent::connect,   SessionEvent::drop,         SessionEvent::late_answer,
    SessionEvent::duplicate, SessionEvent::out_of_order, SessionEvent::unmatched,
    SessionEvent::malformed, SessionEvent::cleanup,      SessionEvent::cleanup_given_up};
std::string_view to_text(SessionEvent event);

// Of one channel: every attempt that was started ended in exactly one outcome, or still runs.
struct Accounting {
    std::uint64_t started = 0;
    std::array<std::uint64_t, all_outcomes.size()> finished{};
    std::uint64_t in_flight = 0;  // as the owner of the sessions counts them

    std::uint64_t finished_sum() const;
    bool holds() const { return started == finished_sum() + in_flight; }
};

class Metrics {
  public:
    explicit Metrics(const BuildFacts& facts);
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    // Makes the series of what is named. Once, before anything else is told.
    void expect(const NamedParts& parts);

    void started(Channel channel);
    void finished(const Observation& observation);
    // From whoever owns the sessions, counted apart from the two above.
    void in_flight(Channel channel, std::uint64_t attempts);
    void missed_ticks(Channel channel, std::uint64_t ticks);
    void schedule_lag(Duration lag);  // of one start behind its due time
    void loop_lag(Duration lag);      // of the event loop, now
    void hook_run(HookVerb verb, HookOutcome outcome);
    // Counts what a record says happened: pages, migrations and their ends, commands.
    void record(const Record& record);
    // Takes the readings of gauges from there, too.
    void status(const EngineStatus& status);
    void reconnect(const Reconnect& one);
    void readiness(const ReadinessFacts& facts);
    // `expires` is that of the credential now in use; none when it does not expire.
    void credential(const std::string& name, CredentialRefresh how, std::optional<Instant> expires);
    // The certificate that a peer ("host:port") has last shown expires then.
    void certificate(const std::string& peer, WallTime expires);
    // Files of certificates had changed: taken up, or not.
    void certificates_reloaded(bool ok);
    void log_lines_lost(std::uint64_t lines);
    void journal(const JournalFacts& facts);
    void notify(const NotifyFacts& facts);
    // How often each has happened since the start.
    void session_events(const std::map<SessionEvent, std::uint64_t>& counts);

    Accounting accounting(Channel channel) const;
    // "TX: started 7, finished 5, in flight 1"; none when the identity holds for every channel.
    std::optional<std::string> unaccounted() const;
    std::optional<Instant> last_finish(Channel channel) const;

    // Prometheus' text format.
    std::string text() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vc
