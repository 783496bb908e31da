#include "probes/ocpp/session.h"

#include <algorithm>
#include <utility>

namespace vc {
namespace {

std::vector<CallKind> steps_of(Channel channel, bool meter_values) {
    std::vector<CallKind> steps;
    if (channel == Channel::HB || channel == Channel::SC) steps.push_back(CallKind::heartbeat);
    if (channel == Channel::TX || channel == Channel::SC) {
        steps.push_back(CallKind::start);
        if (meter_values) steps.push_back(CallKind::meter);
        steps.push_back(CallKind::stop);
    }
    return steps;
}

Outcome outcome_of(Meaning meaning) {
    switch (meaning) {
        case Meaning::right:
            return Outcome::ok;
        case Meaning::refused:
        case Meaning::pending:
            return Outcome::misconfigured;
        case Meaning::wrong:
            return Outcome::wrong_answer;
        case Meaning::malformed:
            return Outcome::protocol;
    }
    return Outcome::wrong_answer;
}

}  // namespace

Outcome outcome_of_upgrade_status(int status) {
    if (status == 401 || status == 403) return Outcome::auth;
    if (status == 404) return Outcome::misconfigured;
    if (status == 429 || status == 503) return Outcome::busy;
    return Outcome::wrong_answer;
}

OcppSession::OcppSession(OcppOptions options)
    : options_(std::move(options)),
      charger_(options_.charger),
      redial_(options_.seed),
      random_(options_.seed + 1) {}

SessionOutput OcppSession::start(const Attempt& attempt, Instant now) {
    OpenAttempt open = ledger_.open(attempt, now);
    const bool ours = steps_of(attempt.channel, false).empty();
    if (ours) {
        finish(std::move(open), {Outcome::misconfigured, Phase::none}, now);
    } else if (stopping_ || ledger_.full()) {
        finish(std::move(open), {Outcome::abandoned, Phase::none}, now);
    } else {
        waiting_.add(std::move(open));
        redial_.want();
    }
    return drive(now);
}

SessionOutput OcppSession::on_connect(Leg, const ConnectResult& result, Instant now) {
    if (link_ != Link::connecting) return drive(now);
    effort_.add(result.phases, now);
    if (result.outcome != Outcome::ok) {
        link_ = Link::down;
        connection_failed({result.outcome, result.phase}, now);
        return drive(now);
    }
    ++connects_;
    link_ = Link::upgrading;
    link_since_ = now;
    websocket_ = std::make_unique<WebSocket>(options_.request, random_.next());
    return drive(now);
}

SessionOutput OcppSession::on_bytes(Leg, std::string_view bytes, Instant now) {
    if (websocket_) websocket_->receive(bytes);
    return drive(now);
}

SessionOutput OcppSession::on_deadline(Instant now) {
    charger_.on_time(now);
    return drive(now);
}

SessionOutput OcppSession::on_close(Leg, CloseReason reason, Instant now) {
    if (reason != CloseReason::asked) drop({outcome_of_close(reason), end_of_wait().phase}, now);
    close_ = false;
    link_ = Link::down;
    websocket_.reset();
    return drive(now);
}

SessionOutput OcppSession::stop(Instant now) {
    stopping_ = true;
    fail_waiting({Outcome::abandoned, Phase::none}, now);
    if (running_) finish_running({Outcome::abandoned, Phase::none}, now);
    return drive(now);
}

SessionOutput OcppSession::abandon(Instant now) {
    now_ = now;
    stopping_ = true;
    redial_.unwant();
    charger_.lost(now);
    fail_waiting({Outcome::abandoned, Phase::none}, now);
    if (running_) finish_running({Outcome::abandoned, Phase::none}, now);
    SessionOutput out;
    out.observations = std::exchange(seen_, {});
    if (link_ != Link::down) out.only().connection = Want::close;
    if (link_ != Link::down) link_ = Link::closing;
    return out;
}

bool OcppSession::idle() const {
    if (ledger_.open_attempts() > 0) return false;
    if (!stopping_) return charger_.clean(now_);
    return link_ == Link::down && (!redial_.wanted() || charger_.clean(now_));
}

SessionCounters OcppSession::counters() const {
    SessionCounters sum;
    ledger_.count_into(sum);
    const Charger::Counters& charger = charger_.counters();
    sum.connects = connects_;
    sum.drops = drops_;
    sum.late_answers = charger.late_answers;
    sum.duplicates = charger.duplicates;
    sum.unmatched = charger.unmatched;
    sum.malformed = charger.malformed + broken_;
    sum.cleanups = charger.cleanups;
    sum.cleanups_given_up = charger.cleanups_given_up;
    return sum;
}

SessionOutput OcppSession::drive(Instant now) {
    now_ = now;
    handle_events(now);
    handle_answers(now);
    expire(now);
    keep_alive(now);
    take_step(now);
    if (stopping_ && charger_.clean(now)) {
        redial_.unwant();
        if (link_ == Link::open) websocket_->close();
        if (link_ != Link::down && link_ != Link::closing) {
            link_ = Link::closing;
            close_ = true;
        }
    }
    SessionOutput out;
    if (websocket_) {
        for (const std::string& text : charger_.take_texts())
            websocket_->send(text);
        out.only().bytes = websocket_->take_bytes();
    }
    if (std::exchange(close_, false)) out.only().connection = Want::close;
    if (connect_when_due(now)) out.only().connection = Want::open;
    out.observations = std::exchange(seen_, {});
    out.wake_at = wake_at();
    return out;
}

bool OcppSession::connect_when_due(Instant now) {
    if (link_ != Link::down || !redial_.begin(now)) return false;
    link_ = Link::connecting;
    effort_.start(now);
    return true;
}

std::optional<Instant> OcppSession::wake_at() const {
    std::optional<Instant> at = charger_.wake_at();
    waiting_.wake_by(at);
    if (running_) wake_by(at, running_->open.deadline);
    if (link_ == Link::down) redial_.wake_by(at);
    if (link_ == Link::upgrading) wake_by(at, link_since_ + options_.upgrade_timeout);
    if (link_ == Link::open && options_.ping_every > Duration::zero()) wake_by(at, ping_at_);
    return at;
}

void OcppSession::handle_events(Instant now) {
    if (!websocket_ || link_ == Link::closing) return;
    for (const WebSocketEvent& event : websocket_->take_events()) {
        switch (event.kind) {
            case WebSocketEvent::Kind::opened:
                upgraded(event, now);
                break;
            case WebSocketEvent::Kind::message:
                if (link_ == Link::open) charger_.receive(event.text, now);
                break;
            case WebSocketEvent::Kind::pong:
                ponged_ = true;
                break;
            case WebSocketEvent::Kind::closed:
                drop({Outcome::reset, end_of_wait().phase}, now);
                break;
            case WebSocketEvent::Kind::failed: {
                const Phase phase = end_of_wait().phase;
                if (event.code == 0) ++broken_;
                drop({event.code != 0 ? outcome_of_upgrade_status(event.code) : Outcome::protocol,
                      phase},
                     now);
                break;
            }
        }
    }
}

void OcppSession::upgraded(const WebSocketEvent& event, Instant now) {
    effort_.done(Phase::upgrade, now);
    if (event.text != options_.request.subprotocol) {
        drop({Outcome::wrong_answer, Phase::upgrade}, now);
        return;
    }
    link_ = Link::open;
    was_ready_ = false;
    ponged_ = true;
    ping_at_ = now + options_.ping_every;
    charger_.opened(now);
}

void OcppSession::handle_answers(Instant now) {
    for (const Answer& answer : charger_.take_answers())
        answered(answer, now);
    if (charger_.state() != ChargerState::ready) {
        // The peer has forgotten that we booted: those who wait, wait for the boot.
        if (link_ == Link::open && std::exchange(was_ready_, false)) effort_.start(now);
        return;
    }
    if (link_ != Link::open || std::exchange(was_ready_, true)) return;
    redial_.up(now);
    waiting_.set_phases(effort_.phases());
}

void OcppSession::answered(const Answer& answer, Instant now) {
    const Outcome outcome = outcome_of(answer.meaning);
    if (answer.kind == CallKind::boot) {
        if (answer.meaning == Meaning::right) {
            effort_.done(Phase::boot, now);
        } else if (answer.meaning != Meaning::pending) {
            fail_waiting({outcome, Phase::boot}, now);
        }
        return;
    }
    if (!running_) return;
    if (outcome != Outcome::ok) {
        finish_running({outcome, Phase::call}, now);
        return;
    }
    redial_.proved();
    running_->called = false;
    if (++running_->next == running_->steps.size()) finish_running({}, now);
}

void OcppSession::take_step(Instant now) {
    if (link_ != Link::open || !charger_.free()) return;
    if (!running_ && !waiting_.empty()) {
        std::vector<CallKind> steps =
            steps_of(waiting_.front().attempt.channel, options_.meter_values);
        const bool starts = steps.back() == CallKind::stop;
        // Too much is left behind to start more: that first, and this waits or times out.
        if (!starts || charger_.may_start()) {
            running_ = Running{waiting_.take(), std::move(steps), 0, false, now};
        }
    }
    if (running_) {
        if (std::exchange(running_->called, true)) return;
        charger_.call(running_->steps[running_->next], now);
    } else {
        charger_.clean_up(now);
    }
}

void OcppSession::finish_running(End end, Instant now) {
    Running done = std::move(*running_);
    running_.reset();
    done.open.phases.push_back({Phase::call, now - done.called_at});
    // The answer may come until twice the deadline; in doubt about a start, stop() waits for it.
    charger_.give_up(now, now + 3 * done.open.attempt.budget);
    charger_.leave_transaction(now);
    finish(std::move(done.open), end, now);
}

// In which phase somebody is who waits now, and how it ends when nothing more comes.
End OcppSession::end_of_wait() const {
    switch (link_) {
        case Link::down:
        case Link::closing:
            return redial_.last_failure();
        case Link::connecting:
            return {Outcome::timeout, Phase::tcp};
        case Link::upgrading:
            return {Outcome::timeout, Phase::upgrade};
        case Link::open:
            break;
    }
    if (charger_.state() == ChargerState::ready) return {Outcome::timeout, Phase::call};
    const bool held = charger_.state() == ChargerState::held;
    if (held && charger_.refused()) return {Outcome::misconfigured, Phase::boot};
    return {held ? Outcome::wrong_answer : Outcome::timeout, Phase::boot};
}

void OcppSession::expire(Instant now) {
    if (running_ && now >= running_->open.deadline) {
        finish_running({Outcome::timeout, Phase::call}, now);
    }
    const auto next_try = link_ == Link::down ? redial_.next_try(now) : std::nullopt;
    for (OpenAttempt& open : waiting_.take_expired(now, next_try)) {
        if (!was_ready_ || link_ != Link::open) open.phases = effort_.phases();
        finish(std::move(open), end_of_wait(), now);
    }
    if (link_ == Link::upgrading && now >= link_since_ + options_.upgrade_timeout) {
        drop({Outcome::timeout, Phase::upgrade}, now);
    }
}

void OcppSession::keep_alive(Instant now) {
    if (link_ != Link::open || options_.ping_every <= Duration::zero() || now < ping_at_) return;
    if (!std::exchange(ponged_, false)) {
        // Nobody is there any more, and TCP would take minutes to say so.
        drop({Outcome::timeout, end_of_wait().phase}, now);
        return;
    }
    ping_at_ = now + options_.ping_every;
    websocket_->ping("voltcanary");
}

// The connection is of no more use: what runs on it ends, and so does what waits for it to become
// ready. What waits on a ready connection waits for the next one.
void OcppSession::drop(End end, Instant now) {
    if (link_ == Link::down || link_ == Link::closing) return;
    if (link_ == Link::open) ++drops_;
    const bool ready = link_ == Link::open && charger_.state() == ChargerState::ready;
    link_ = Link::closing;
    close_ = true;
    // First, so that a start that went down with the connection is not waited for.
    charger_.lost(now);
    if (running_) finish_running(end, now);
    if (ready) {
        redial_.lost(end, now);
    } else {
        connection_failed(end, now);
    }
}

void OcppSession::connection_failed(End end, Instant now) {
    fail_waiting(end, now);
    redial_.failed(end, now);
}

void OcppSession::fail_waiting(End end, Instant now) {
    for (OpenAttempt& open : waiting_.take_all()) {
        if (end.outcome != Outcome::abandoned) open.phases = effort_.phases();
        finish(std::move(open), end, now);
    }
}

void OcppSession::finish(OpenAttempt open, End end, Instant now) {
    seen_.push_back(ledger_.close(std::move(open), end, now));
}

}  // namespace vc
