#include "tests/fuzz/harness.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "tests/fuzz/mutator.h"

namespace vc::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr Duration budget = 2s;
constexpr std::size_t most_bytes_out = 1024 * 1024;
constexpr int most_idle_wakes = 20;  // in a row, without time going on

// One session and its peers.
class Run {
  public:
    Run(std::unique_ptr<Session> session, const Recordings& recordings, Mutator& mutator,
        bool spoilt, FuzzResult& result)
        : session_(std::move(session)),
          recordings_(recordings),
          mutator_(mutator),
          spoilt_(spoilt),
          result_(result) {}

    void go() {
        follow(recordings_[spoilt_ ? mutator_.below(recordings_.size()) : 0]);
        while (spoilt_ && next_ < taped.size())
            start();
        // Whatever connections it asks for now get pieces of what was once said on them.
        for (int step = 0; step < 400 && !result_.violation && !open_.empty(); ++step) {
            bool passed = false;
            for (Leg leg = 0; leg < session_->legs(); ++leg)
                passed = move(leg) || passed;
            if (!passed && !pass()) break;
        }
        now_ = std::max(now_, latest_deadline_);
        take(session_->on_deadline(now_));
        if (!open_.empty()) violate("an attempt outlived its deadline");
        finish();
    }

  private:
    struct Line {
        bool wanted = false;
        bool up = false;
        bool closing = false;
        bool said = false;  // something, since the last piece
        std::vector<std::string> pieces;
        std::size_t next = 0;
    };

    void violate(const std::string& what) {
        if (!result_.violation) result_.violation = what;
    }

    void note(std::string_view text) {
        for (const char byte : text) {
            result_.digest ^= static_cast<unsigned char>(byte);
            result_.digest *= 0x100000001b3U;  // FNV-1a
        }
    }

    void start() {
        Attempt attempt;
        attempt.id = AttemptId{++started_};
        attempt.channel = taped[next_++];
        attempt.due = now_;
        attempt.budget = budget;
        latest_deadline_ = now_ + 3 * budget;
        open_.insert(attempt.id.value);
        take(session_->start(attempt, now_));
    }

    // As it once was, as long as that is possible and nothing leads away from it.
    void follow(const Tape& tape) {
        for (const Event& event : tape) {
            if (result_.violation || (spoilt_ && mutator_.one_in(60))) return;
            Line& line = lines_[event.leg];
            switch (event.kind) {
                case Event::Kind::start:
                    start();
                    break;
                case Event::Kind::connect:
                    if (line.wanted) connect(event.leg);
                    break;
                case Event::Kind::piece:
                    if (line.up) piece(event.leg, event.bytes);
                    break;
                case Event::Kind::close:
                    if (line.closing) hang_up(event.leg, CloseReason::asked);
                    break;
            }
        }
    }

    void piece(Leg leg, std::string bytes) {
        lines_[leg].said = false;
        if (spoilt_ && mutator_.one_in(40)) return hang_up(leg, CloseReason::reset);
        if (spoilt_ && mutator_.one_in(10)) bytes = mutator_.spoil(bytes);
        if (spoilt_ && mutator_.one_in(30)) pass();
        if (!spoilt_ || !mutator_.one_in(50)) feed(leg, bytes);
    }

    void hang_up(Leg leg, CloseReason reason) {
        lines_[leg] = {};
        take(session_->on_close(leg, reason, now_));
    }

    // What one leg's peer does next; false when it has nothing to do.
    bool move(Leg leg) {
        Line& line = lines_[leg];
        if (line.closing) {
            hang_up(leg, CloseReason::asked);
            return true;
        }
        if (line.wanted) {
            connect(leg);
            return true;
        }
        // Now and then a peer speaks out of turn.
        if (!line.up || line.next >= line.pieces.size()) return false;
        if (!line.said && !(spoilt_ && mutator_.one_in(10))) return false;
        piece(leg, line.pieces[line.next++]);
        return true;
    }

    void connect(Leg leg) {
        Line& line = lines_[leg];
        line.wanted = false;
        ConnectResult result;
        if (spoilt_ && mutator_.one_in(40)) result = {Outcome::refused, Phase::tcp, {}};
        line.up = result.outcome == Outcome::ok;
        if (line.up) line.pieces = pieces_of(leg);
        line.next = 0;
        take(session_->on_connect(leg, result, now_));
    }

    // What was said on one connection of the leg.
    std::vector<std::string> pieces_of(Leg leg) {
        const Tape& tape = recordings_[mutator_.below(recordings_.size())];
        std::vector<std::string> pieces;
        std::uint64_t skip = mutator_.below(3);
        for (const Event& event : tape) {
            if (event.leg != leg) continue;
            if (event.kind == Event::Kind::piece) pieces.push_back(event.bytes);
            if (event.kind == Event::Kind::close && skip-- > 0) pieces.clear();
        }
        return pieces;
    }

    // In pieces of any size, as a socket would.
    void feed(Leg leg, std::string_view bytes) {
        while (!bytes.empty() && lines_[leg].up && !lines_[leg].closing) {
            const std::size_t size =
                mutator_.one_in(3) ? 1 + mutator_.below(bytes.size()) : bytes.size();
            take(session_->on_bytes(leg, bytes.substr(0, size), now_));
            bytes.remove_prefix(size);
        }
    }

    // Time goes on to where the session wants to be woken. False when it never does.
    bool pass() {
        if (!wake_at_) return false;
        idle_wakes_ = *wake_at_ > now_ ? 0 : idle_wakes_ + 1;
        if (idle_wakes_ > most_idle_wakes) violate("the session wakes in a circle");
        now_ = std::max(now_, *wake_at_);
        wake_at_.reset();
        take(session_->on_deadline(now_));
        return !result_.violation;
    }

    void finish() {
        take(session_->stop(now_));
        for (Leg leg = 0; leg < session_->legs(); ++leg) {
            if (lines_[leg].closing) take(session_->on_close(leg, CloseReason::asked, now_));
        }
        const SessionCounters counters = session_->counters();
        if (!session_->idle()) violate("a stopped session is not idle");
        if (counters.started != started_ || counters.finished != started_) {
            violate("the account does not balance");
        }
    }

    void take(const SessionOutput& out) {
        wake_at_ = out.wake_at;
        for (Leg leg = 0; leg < most_legs; ++leg) {
            const LegOutput& its = out.legs[leg];
            Line& line = lines_[leg];
            if (!its.bytes.empty() && (!line.up || line.closing)) violate("bytes for nobody");
            line.said = line.said || !its.bytes.empty();
            note(its.bytes);
            bytes_out_ += its.bytes.size();
            if (its.connection == Want::open) {
                if (line.up || line.closing || line.wanted) violate("a connection too many");
                line.wanted = true;
            }
            if (its.connection == Want::close) {
                if (!line.up && !line.wanted) violate("a close of nothing");
                line.wanted = false;
                line.closing = true;
            }
        }
        if (bytes_out_ > most_bytes_out) violate("it says more than a peer can make it say");
        for (const Observation& seen : out.observations)
            ended(seen);
    }

    void ended(const Observation& seen) {
        if (open_.erase(seen.id.value) == 0) violate("an attempt ended twice");
        if (now_ > seen.due + 3 * budget) violate("an attempt outlived its deadline");
        if ((seen.outcome == Outcome::ok) != (seen.failed_phase == Phase::none) &&
            seen.outcome != Outcome::abandoned) {
            violate("an attempt failed nowhere");
        }
        const std::string end =
            std::string(to_text(seen.outcome)) + " " + std::string(to_text(seen.failed_phase));
        ++result_.ends[end];
        note(end);
        note(std::to_string(seen.latency().count()));
    }

    std::unique_ptr<Session> session_;
    const Recordings& recordings_;
    Mutator& mutator_;
    bool spoilt_;
    FuzzResult& result_;
    Instant now_{500'000h};
    Instant latest_deadline_{};
    std::array<Line, most_legs> lines_;
    std::set<std::uint64_t> open_;
    std::optional<Instant> wake_at_;
    std::uint64_t started_ = 0;
    std::size_t next_ = 0;
    std::size_t bytes_out_ = 0;
    int idle_wakes_ = 0;
};

}  // namespace

FuzzResult fuzz(const MakeSession& make, const Recordings& recordings, std::uint64_t seed,
                std::uint64_t sessions, bool spoilt) {
    FuzzResult result;
    result.digest = 0xcbf29ce484222325U;
    Mutator mutator(seed);
    for (; result.session < sessions && !result.violation; ++result.session)
        Run(make(), recordings, mutator, spoilt, result).go();
    return result;
}

}  // namespace vc::fuzz
