#include "probes/amqp/connection.h"

#include <algorithm>
#include <utility>

#include "probes/amqp/outcome.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr int receive_credit = 32;
constexpr Duration token_pause = 30s;
constexpr std::string_view cbs = "$cbs";

AmqpOptions engine_options(const AmqpConnectionOptions& options) {
    AmqpOptions made;
    made.hostname = options.hostname;
    made.container_id = options.container_id;
    made.idle_timeout = options.idle_timeout;
    if (options.credentials) made.login = options.credentials->login();
    return made;
}

}  // namespace

AmqpConnection::AmqpConnection(const AmqpConnectionOptions& options, Instant now)
    : options_(options), engine_(engine_options(options), now), phase_since_(now) {
    watch_.start(now);
    if (with_tokens()) generation_ = options_.credentials->generation();
}

AmqpConnection::Use AmqpConnection::add(AmqpUse kind, std::string address, Instant now) {
    Line line;
    line.kind = kind;
    line.address = std::move(address);
    line.watch.start(now);
    uses_.push_back(std::move(line));
    advance(now);
    take(now);
    return uses_.size() - 1;
}

void AmqpConnection::again(Use use, Instant now) {
    Line& line = uses_[use];
    line.failed.reset();
    line.detached_at.reset();
    line.sender = line.receiver = 0;
    line.phase = Phase::cbs_put_token;
    line.watch.start(now);
    advance(now);
    take(now);
}

void AmqpConnection::receive(std::string_view bytes, Instant now) {
    engine_.receive(bytes, now);
    take(now);
}

void AmqpConnection::tick(Instant now) {
    if (engine_.wake_at() && now >= *engine_.wake_at()) engine_.tick(now);
    if (with_tokens()) {
        const std::uint64_t generation = options_.credentials->generation();
        const bool changed = std::exchange(generation_, generation) != generation;
        for (Grant& grant : grants_) {
            if (now >= grant.answer_by) token_failed(grant, Outcome::timeout, now);
            if (!changed && now < grant.again_at) continue;
            want(grant, now);
        }
        put_tokens(now);
    }
    take(now);
}

std::optional<Instant> AmqpConnection::wake_at() const {
    if (broken_) return std::nullopt;
    std::optional<Instant> at = engine_.wake_at();
    for (const Grant& grant : grants_) {
        if (grant.again_at < Instant::max()) wake_by(at, grant.again_at);
        if (grant.answer_by < Instant::max()) wake_by(at, grant.answer_by);
    }
    return at;
}

Phase AmqpConnection::phase(Use use) const {
    return phase_ == Phase::none && has(use) ? uses_[use].phase : phase_;
}

Instant AmqpConnection::phase_since(Use use) const {
    return phase_ == Phase::none && has(use) ? uses_[use].watch.since() : phase_since_;
}

std::vector<PhaseTime> AmqpConnection::phases(Use use) const {
    std::vector<PhaseTime> all = watch_.phases();
    if (!has(use)) return all;
    const auto& own = uses_[use].watch.phases();
    all.insert(all.end(), own.begin(), own.end());
    return all;
}

AmqpLinkId AmqpConnection::link(Use use) const {
    const Line& line = uses_[use];
    return line.kind == AmqpUse::send ? line.sender : line.receiver;
}

void AmqpConnection::send(Use use, std::uint64_t tag, std::string_view body, Instant now) {
    engine_.send(uses_[use].sender, tag, body);
    take(now);
}

void AmqpConnection::ask(Use use, AmqpRequest request, Instant now) {
    request.reply_to = reply_address(uses_[use].address);
    engine_.send(uses_[use].sender, request);
    take(now);
}

void AmqpConnection::accept(std::uint64_t delivery, Instant now) {
    engine_.accept(delivery);
    take(now);
}

void AmqpConnection::close() {
    closing_ = true;
    engine_.close();
}

std::vector<AmqpConnection::Event> AmqpConnection::take_events() {
    return std::exchange(events_, {});
}

void AmqpConnection::take(Instant now) {
    // What is done about an event may make further ones.
    for (auto events = engine_.take_events(); !events.empty(); events = engine_.take_events()) {
        for (AmqpEvent& event : events)
            handle(event, now);
    }
}

void AmqpConnection::broken(Outcome outcome, bool planned) {
    if (!broken_) broken_ = Broken{outcome, planned, false};
}

void AmqpConnection::handle(AmqpEvent& event, Instant now) {
    const auto step = [&](Phase from, Phase to) {
        if (phase_ != from) return;
        watch_.done(from, now);
        phase_ = to;
        phase_since_ = now;
    };
    switch (event.kind) {
        case AmqpEvent::Kind::authenticated:
            step(Phase::sasl, Phase::open);
            break;
        case AmqpEvent::Kind::opened:
            step(Phase::open, with_tokens() ? Phase::cbs_attach : Phase::none);
            if (phase_ == Phase::cbs_attach) cbs_attach();
            if (phase_ == Phase::none) advance(now);
            break;
        case AmqpEvent::Kind::attached:
            on_attached(event, now);
            break;
        case AmqpEvent::Kind::credit:
            on_credit(event.link, now);
            break;
        case AmqpEvent::Kind::settled:
            on_settled(event, now);
            break;
        case AmqpEvent::Kind::reply:
            if (event.link == cbs_receiver_) {
                on_token_reply(event.reply, now);
            } else if (const Line* line = line_of(event.link)) {
                if (!event.reply.decoded) broke_protocol_ = true;
                events_.push_back({Event::Kind::reply, number_of(*line), std::move(event), {}});
            }
            break;
        case AmqpEvent::Kind::message:
            if (const Line* line = line_of(event.link)) {
                events_.push_back({Event::Kind::message, number_of(*line), std::move(event), {}});
            }
            break;
        case AmqpEvent::Kind::completed:
            events_.push_back({Event::Kind::completed, 0, std::move(event), {}});
            break;
        case AmqpEvent::Kind::detached:
            on_detached(event, now);
            break;
        case AmqpEvent::Kind::closed:
            on_closed(event);
            break;
        case AmqpEvent::Kind::refused:
            broken(Outcome::auth);
            break;
        case AmqpEvent::Kind::failed:
            broke_protocol_ = true;
            broken(Outcome::protocol);
            break;
    }
    if (phase_ == Phase::cbs_attach && cbs_ready()) {
        step(Phase::cbs_attach, Phase::none);
        advance(now);
    } else if (phase_ == Phase::none && with_tokens()) {
        put_tokens(now);
    }
}

// Every use goes as far as it can.
void AmqpConnection::advance(Instant now) {
    if (phase_ != Phase::none || broken_) return;
    for (Use use = 0; use < uses_.size(); ++use)
        advance(use, now);
    if (with_tokens()) put_tokens(now);
}

void AmqpConnection::advance(Use use, Instant now) {
    Line& line = uses_[use];
    if (line.phase != Phase::cbs_put_token || line.failed) return;
    if (!std::exchange(line.begun, true)) line.watch.begin(now);
    if (!granted(line, now)) return;
    if (with_tokens()) line.watch.done(Phase::cbs_put_token, now);
    attach(line, now);
}

void AmqpConnection::attach(Line& line, Instant) {
    if (line.kind == AmqpUse::receive) {
        line.phase = Phase::attach_recv;
        line.receiver = engine_.attach_receiver(line.address, receive_credit);
        return;
    }
    line.phase = Phase::attach_send;
    line.sender = engine_.attach_sender(line.address);
}

AmqpConnection::Line* AmqpConnection::line_of(AmqpLinkId link) {
    const auto found = std::find_if(uses_.begin(), uses_.end(), [link](const Line& line) {
        return line.sender == link || line.receiver == link;
    });
    return link == 0 || found == uses_.end() ? nullptr : &*found;
}

void AmqpConnection::on_attached(const AmqpEvent& event, Instant now) {
    if (event.link == cbs_sender_) return;  // ready with its credit
    if (event.link == cbs_receiver_) {
        cbs_receives_ = true;
        return;
    }
    Line* line = line_of(event.link);
    if (line == nullptr) return;
    if (line->phase == Phase::attach_send && event.link == line->sender) {
        line->watch.done(Phase::attach_send, now);
        line->phase = Phase::credit;
        if (engine_.may_send(line->sender)) on_credit(line->sender, now);
    } else if (line->phase == Phase::attach_recv && event.link == line->receiver) {
        line->watch.done(Phase::attach_recv, now);
        became_ready(*line, now);
    }
}

void AmqpConnection::on_credit(AmqpLinkId link, Instant now) {
    if (link == cbs_sender_) {
        cbs_sends_ = true;
        return;
    }
    Line* line = line_of(link);
    if (line == nullptr || line->phase != Phase::credit) return;
    line->watch.done(Phase::credit, now);
    if (line->kind == AmqpUse::send) {
        became_ready(*line, now);
        return;
    }
    line->phase = Phase::attach_recv;
    line->receiver = engine_.attach_replies(line->address, reply_address(line->address));
}

void AmqpConnection::became_ready(Line& line, Instant now) {
    line.phase = Phase::none;
    if (!line.detached_at) return;
    events_.push_back(
        {Event::Kind::reattached, number_of(line), {}, now - *std::exchange(line.detached_at, {})});
}

void AmqpConnection::on_settled(AmqpEvent& event, Instant now) {
    if (event.link == cbs_sender_) {
        const Outcome outcome = outcome_of_settlement(event);
        if (outcome == Outcome::ok) return;
        for (Grant& grant : grants_) {
            if (grant.asked != 0 && grant.asked == event.tag) token_failed(grant, outcome, now);
        }
    } else if (const Line* line = line_of(event.link)) {
        events_.push_back({Event::Kind::settled, number_of(*line), std::move(event), {}});
    }
}

void AmqpConnection::on_detached(const AmqpEvent& event, Instant now) {
    const Outcome outcome = outcome_of_condition(event.condition, Outcome::reset);
    if (event.link == cbs_sender_ || event.link == cbs_receiver_) {
        if (phase_ == Phase::cbs_attach) broken(outcome);
        for (Grant& grant : grants_) {
            if (grant.open()) token_failed(grant, outcome, now);
        }
        // Nobody needs it now: it is attached again for the next token.
        cbs_sender_ = cbs_receiver_ = 0;
        cbs_sends_ = cbs_receives_ = false;
        return;
    }
    Line* line = line_of(event.link);
    if (line == nullptr || line->failed) return;
    const bool ready = line->phase == Phase::none;
    if (!ready || line->kind == AmqpUse::ask || !is_planned(event.condition, event.text)) {
        line->failed = outcome;
        return;
    }
    line->sender = line->receiver = 0;
    line->detached_at = now;
    line->watch.start(now);
    events_.push_back({Event::Kind::detached, number_of(*line), {}, {}});
    attach(*line, now);
}

void AmqpConnection::on_closed(const AmqpEvent& event) {
    if (closing_ && event.condition.empty()) {
        closed_ = true;
        return;
    }
    broken(outcome_of_condition(event.condition, Outcome::reset),
           is_planned(event.condition, event.text));
}

void AmqpConnection::cbs_attach() {
    cbs_sender_ = engine_.attach_sender(cbs);
    cbs_receiver_ = engine_.attach_replies(cbs, reply_address(cbs));
}

bool AmqpConnection::cbs_ready() const {
    return cbs_sends_ && cbs_receives_;
}

bool AmqpConnection::granted(const Line& line, Instant now) {
    if (!with_tokens()) return true;
    const std::string audience = audience_of(line.address);
    for (const Grant& grant : grants_) {
        if (grant.audience == audience) return grant.given;
    }
    Grant grant;
    grant.audience = audience;
    want(grant, now);
    grants_.push_back(std::move(grant));
    return false;
}

void AmqpConnection::want(Grant& grant, Instant now) {
    grant.again_at = Instant::max();
    // One that is under way is answered first, or not.
    if (grant.answer_by == Instant::max() && options_.token_timeout > Duration{}) {
        grant.answer_by = now + options_.token_timeout;
    }
    grant.wanted = true;
}

// What is asked for or on its way will not be. The one that was put before goes on being good until
// it expires; refused credentials are believed at once only of a new secret.
void AmqpConnection::token_failed(Grant& grant, Outcome outcome, Instant now) {
    const bool refused = outcome == Outcome::auth && grant.asked_generation != grant.generation;
    if (!grant.good(now) || refused) {
        broken(outcome);
        broken_->phase = Phase::cbs_put_token;
        return;
    }
    if (grant.asked != 0) grant.given_up = std::exchange(grant.asked, 0);
    grant.wanted = false;
    grant.answer_by = Instant::max();
    grant.again_at = std::min(now + token_pause, std::max(grant.expires, now + 1s));
}

void AmqpConnection::put_tokens(Instant now) {
    for (Grant& grant : grants_) {
        if (!grant.wanted || grant.asked != 0 || broken_ || phase_ != Phase::none) continue;
        if (cbs_sender_ == 0) cbs_attach();
        if (!cbs_ready() || !engine_.may_send(cbs_sender_)) return;
        const auto token = options_.credentials->token(grant.audience, now);
        grant.wanted = false;
        grant.answer_by = Instant::max();
        if (!token || token->expires <= now) {
            // One that was put is good until it expires.
            if (!grant.given || now >= grant.expires) {
                broken(Outcome::auth);
                broken_->no_token = true;
                return;
            }
            grant.again_at = now + std::max<Duration>((grant.expires - now) / 4, 1s);
            continue;
        }
        grant.asked = ++requests_;
        grant.asked_expires = token->expires;
        grant.asked_generation = options_.credentials->generation();
        grant.again_at = now + std::max<Duration>((token->expires - now) / 4 * 3, 1s);
        if (options_.token_timeout > Duration{}) grant.answer_by = now + options_.token_timeout;
        AmqpRequest request;
        request.number = grant.asked;
        request.reply_to = reply_address(cbs);
        request.properties = {
            {"operation", "put-token"}, {"type", token->type}, {"name", grant.audience}};
        request.text = token->text;
        engine_.send(cbs_sender_, request);
    }
}

void AmqpConnection::on_token_reply(const AmqpReply& reply, Instant now) {
    const Outcome outcome = outcome_of_token_reply(reply);
    const auto grant = std::find_if(grants_.begin(), grants_.end(), [&](const Grant& known) {
        return known.asked != 0 && known.asked == reply.correlation;
    });
    if (outcome == Outcome::protocol) broke_protocol_ = true;
    if (grant == grants_.end()) {
        const bool late = std::any_of(grants_.begin(), grants_.end(), [&](const Grant& known) {
            return known.given_up != 0 && known.given_up == reply.correlation;
        });
        if (!late) broken(outcome == Outcome::ok ? Outcome::wrong_answer : outcome);
        return;
    }
    if (outcome != Outcome::ok) return token_failed(*grant, outcome, now);
    grant->given = true;
    grant->asked = 0;
    grant->expires = grant->asked_expires;
    grant->generation = grant->asked_generation;
    if (!grant->wanted) grant->answer_by = Instant::max();
    advance(now);
}

std::string AmqpConnection::audience_of(std::string_view address) const {
    std::string audience = options_.tls ? "amqps://" : "amqp://";
    audience += options_.hostname;
    if (!address.starts_with('/')) audience += '/';
    return audience += address;
}

// Ours alone: containers are told apart by who connects.
std::string AmqpConnection::reply_address(std::string_view node) const {
    return options_.container_id + (node == cbs ? "-cbs" : "-replies");
}

}  // namespace vc
