// What the engine makes of a slot that has settled: close its block, open an incident, name the
// culprit, decide, page, propose a move. Everything here looks only at settled slots, so that all
// channels of the same minutes are in; the two things that look at unsettled ones (the standby's
// certificate and our own control probes) can only forbid.
#include "rules/engine_state.h"

#include <algorithm>

namespace vc {
namespace {

constexpr std::array platform{Channel::BH, Channel::HB, Channel::TX, Channel::DL, Channel::DF};
constexpr std::array after_move{Channel::BH, Channel::HB, Channel::TX};

// Posteriors are told anew when they cross one of these, not at every slot.
int band(double posterior) {
    return posterior > 0.99 ? 3 : posterior > 0.9 ? 2 : posterior > 0.5 ? 1 : 0;
}

}  // namespace

// The counts of [from, to) and what they say, both ends settled.
NotedBlock Engine::State::note(Instant from, Instant to) const {
    NotedBlock block;
    block.from = from;
    block.counts = ledger.between(from, to);
    const BlockJudgement judgement =
        judge(block.counts, to - from, memory.active(), ledger, rules.detectors);
    block.bad = judgement.bad;
    block.blind = judgement.blind;
    block.control_bad = judgement.control_bad;
    block.standby_bad = judgement.standby_bad;
    if (control_wavers(from, to)) {
        const bool own_failures = at(block.counts, Channel::CT).bad > 0;
        block.control_bad = block.control_bad || block.bad || own_failures;
        block.blind = true;
        block.bad = false;
        block.standby_bad = false;
    }
    // A slot is bad by its own count, so that one stray failure does not stretch an episode.
    const std::span<const Channel> judged = memory.active() == ActiveBroker::primary
                                                ? std::span<const Channel>(platform)
                                                : std::span<const Channel>(after_move);
    const auto& slots = ledger.slots();
    for (auto it = slots.lower_bound(from); it != slots.end() && it->first < to; ++it) {
        const ChannelCount pooled = pool(it->second.counts, judged);
        const std::uint32_t least = bad_threshold(votes(pooled), rules.detectors.background_loss,
                                                  rules.detectors.false_block);
        if (pooled.bad < least) continue;
        if (block.first_bad == Instant{}) block.first_bad = it->second.first_bad;
        block.last_bad = it->second.last_bad;
    }
    return block;
}

// Our own trouble does not begin and end with the minute: the block at its edge may hold a few
// seconds of it, too few for the control probes of that block to tell. So those shortly before and
// after are looked at too (they answer fast enough to be known when the block settles).
bool Engine::State::control_wavers(Instant from, Instant to) const {
    const Duration margin = rules.detectors.control_margin;
    return control_fails(ledger.slot_of(from - margin), ledger.slot_of(to + margin));
}

void Engine::State::close_block(Instant from) {
    if (memory.machine.in_flight()) return;
    if (from < std::max(watch_from, memory.judge_from)) return;
    const NotedBlock block = note(from, from + rules.detectors.block);
    std::uint32_t run = memory.run_before(from);
    const std::int64_t score =
        block.blind ? memory.score : next_score(memory.score, block.bad, run, rules.detectors);
    const bool plainly_good = !block.blind && !block.sign();
    if (plainly_good && score == memory.score && !memory.blind_before()) return;
    fresh_sign = fresh_sign || block.sign();
    emit(BlockClosed{from, block.bad, block.blind, block.control_bad, score, block.first_bad,
                     block.last_bad, to_list(block.counts)});
}

// The slots of the current block that have settled already, when they are at least half of it: a
// few seconds say too little to name anything by.
std::optional<NotedBlock> Engine::State::unfinished_block() const {
    const Instant from = ledger.block_of(settled);
    if (2 * (settled - from) < rules.detectors.block) return std::nullopt;
    if (from < std::max(watch_from, memory.judge_from)) return std::nullopt;
    return note(from, settled);
}

bool Engine::State::standby_trouble() const {
    const Instant since = settled - rules.detectors.window;
    const auto bad = std::count_if(
        memory.blocks.begin(), memory.blocks.end(),
        [&](const NotedBlock& block) { return block.from >= since && block.standby_bad; });
    return bad >= static_cast<std::ptrdiff_t>(rules.detectors.standby_bad_blocks);
}

// The blocks that tell of what is wrong now. Minutes in which our own control failed and minutes
// of the platform are never mixed: the latest decides which kind is looked at. Only when there is
// neither do the standby's own bad minutes speak.
std::vector<Counts> Engine::State::evidence_blocks() const {
    std::vector<NotedBlock> recent;
    const Instant since = settled - rules.detectors.window;
    for (const NotedBlock& block : memory.blocks) {
        if (block.from >= since && block.sign()) recent.push_back(block);
    }
    if (const auto unfinished = unfinished_block(); unfinished && unfinished->sign()) {
        recent.push_back(*unfinished);
    }
    bool control = false;
    bool bad = false;
    for (const NotedBlock& block : recent) {
        if (!block.bad && !block.control_bad) continue;
        control = block.control_bad;
        bad = block.bad;
    }
    std::vector<Counts> out;
    for (const NotedBlock& block : recent) {
        const bool fits = control ? block.control_bad
                          : bad   ? block.bad
                                  : block.standby_bad && standby_trouble();
        if (fits) out.push_back(block.counts);
    }
    return out;
}

// Blind minutes, for when the users plainly fail in them and nothing better tells why.
std::vector<Counts> Engine::State::blind_blocks() const {
    std::vector<Counts> out;
    const Instant since = settled - rules.detectors.hard_page_over - rules.detectors.block;
    for (const NotedBlock& block : memory.blocks) {
        if (block.from >= since && block.blind) out.push_back(block.counts);
    }
    if (const auto unfinished = unfinished_block()) out.push_back(unfinished->counts);
    return out;
}

bool Engine::State::plain_outage() const {
    return hard_path(ledger, settled, memory.active(), rules.detectors).page;
}

// Blind minutes do not count, but users who fail in half of the window's do matter.
bool Engine::State::users_fail_on() const {
    const Instant since = settled - rules.detectors.window;
    const auto harmed =
        std::count_if(memory.blocks.begin(), memory.blocks.end(), [&](const NotedBlock& block) {
            return block.from >= since && block.blind && users_harmed({block.counts});
        });
    return 2 * harmed * rules.detectors.block >= rules.detectors.window;
}

void Engine::State::review() {
    const Instant before = std::exchange(reviewed, settled);
    if (memory.machine.in_flight()) return;
    open_if_due(before);
    if (!memory.incident) return;
    if (!asleep()) {
        name_culprit();
        if (named) judge_incident(over_and_short(*named));
        if (memory.machine.in_flight()) return;
    }
    if (auto due = due_move(*memory.incident, now, watched_since(), rules.policy)) {
        emit(std::move(*due));
    }
}

// From when on a quiet may be called one. Minutes that nobody judged were not quiet, nor are those
// in which the users fail and we cannot say why.
Instant Engine::State::watched_since() const {
    if (plain_outage()) return now;
    return std::max(watch_from, memory.judge_from);
}

// Only new failures change the name of the culprit. Evidence that grows old and leaves the window
// is no evidence for something else.
void Engine::State::name_culprit() {
    const auto unfinished = unfinished_block();
    const bool fresh =
        std::exchange(fresh_sign, false) || (unfinished.has_value() && unfinished->sign());
    std::vector<Counts> blocks = evidence_blocks();
    // An outage that is plain is told of, even if it is seen only in minutes that say nothing else.
    const bool blind = blocks.empty() && plain_outage();
    if (blind) blocks = blind_blocks();
    if (blocks.empty()) named.reset();
    if (blocks.empty() || !(fresh || blind)) return;
    named = Named{diagnose(rules.hypotheses, blocks, memory.active(),
                           {.background_loss = rules.detectors.background_loss,
                            .false_block = rules.detectors.false_block,
                            .samples_per_block = rules.detectors.samples_per_block,
                            .name_posterior = rules.policy.name_posterior}),
                  users_harmed(blocks), blind};
}

void Engine::State::judge_incident(const Named& culprit) {
    const Diagnosis& diagnosis = culprit.diagnosis;
    if (diagnosis.remedy == Remedy::migrate && !memory.incident->moved) wish_audit();
    const Verdict verdict = decide(situation(culprit), rules.policy);
    const bool worth_a_person = verdict.decision == Decision::page ||
                                verdict.decision == Decision::hold ||
                                verdict.decision == Decision::migrate;
    record_diagnosis(diagnosis);
    if (worth_a_person && memory.incident->state == IncidentState::suspected) {
        move_incident(IncidentState::confirmed, diagnosis.text);
    }
    record_decision(verdict, diagnosis);
    if (worth_a_person) page_if_due(verdict, diagnosis);
    if (verdict.decision == Decision::migrate) propose(verdict);
}

// `before` is what had settled by the last review: one look may find several slots settled since.
void Engine::State::open_if_due(Instant before) {
    if (memory.incident) return;
    const bool hard = plain_outage();
    const bool fresh =
        !memory.blocks.empty() && memory.blocks.back().from + rules.detectors.block > before;
    std::string reason;
    if (fresh && memory.blocks.back().bad) {
        reason = "a minute was bad";
    } else if (fresh && memory.blocks.back().control_bad) {
        reason = "our own control probes failed";
    } else if (hard) {
        reason = "most heartbeats and transactions fail";
    } else if (fresh && standby_trouble()) {
        reason = "the standby is bad again and again";
    }
    if (reason.empty()) return;
    const Instant since = settled - 2 * rules.detectors.block;
    named.reset();
    fresh_sign = true;
    emit(IncidentOpened{{memory.last_incident + 1}, std::move(reason), failures.since(since)});
}

// In probation the verdict stands as it was until the fault is back: more than a blip, less than
// what a new incident would need. It hides nothing else: a plain outage wakes it though no minute
// made a statement, unless it is us, and so does a hole in the safety net.
bool Engine::State::asleep() {
    const Incident& incident = *memory.incident;
    if (incident.state != IncidentState::probation) return false;
    const bool bad_again = incident.last_platform > incident.state_since;
    const bool plain = plain_outage();
    const bool enough =
        plain || memory.score * rules.policy.probation_act_divisor >= rules.detectors.suspect_score;
    std::string reason;
    if (bad_again && enough) {
        reason = "it came back during probation";
    } else if (plain) {
        name_culprit();
        const bool us = !named || named->diagnosis.remedy == Remedy::suppress;
        if (!us) reason = "most heartbeats and transactions fail";
    } else if (standby_trouble()) {
        reason = "the standby is bad again and again";
    }
    if (reason.empty()) return true;
    fresh_sign = true;
    move_incident(IncidentState::confirmed, std::move(reason));
    return false;
}

// A short episode that is over has no culprit worth naming. It is over when a whole block after it
// was seen and was good.
Engine::State::Named Engine::State::over_and_short(Named culprit) const {
    const Incident& incident = *memory.incident;
    const auto unfinished = unfinished_block();
    const bool over = settled >= incident.last_platform + rules.detectors.block &&
                      memory.blind_run == 0 && !(unfinished && unfinished->bad);
    const bool transient = incident.state == IncidentState::suspected && over &&
                           incident.transient(rules.policy) &&
                           memory.score < rules.detectors.suspect_score;
    if (!transient) return culprit;
    Diagnosis& diagnosis = culprit.diagnosis;
    diagnosis.runner_up = diagnosis.name;
    diagnosis.runner_up_posterior = diagnosis.posterior;
    diagnosis.name = "transient";
    diagnosis.posterior = 1;
    diagnosis.remedy = Remedy::none;
    diagnosis.text = "one short episode, and it is over";
    return culprit;
}

bool Engine::State::users_harmed(const std::vector<Counts>& blocks) const {
    return std::any_of(blocks.begin(), blocks.end(), [&](const Counts& counts) {
        const BlockJudgement judgement =
            judge(counts, rules.detectors.block, memory.active(), ledger, rules.detectors);
        return judgement.bad_on(Channel::HB) || judgement.bad_on(Channel::TX);
    });
}

std::int64_t Engine::State::act_score() const {
    const bool lowered = memory.incident && (memory.incident->relapsed ||
                                             memory.incident->state == IncidentState::probation);
    return rules.detectors.act_score / (lowered ? rules.policy.probation_act_divisor : 1);
}

Situation Engine::State::situation(const Named& culprit) const {
    const Incident& incident = *memory.incident;
    const bool latest_blind = memory.blind_run > 0;
    const auto unfinished = unfinished_block();
    Situation s;
    s.automatic = rules.mode == Mode::automatic;
    s.quorum_accepted = rules.single_watcher_accepted;
    s.paused = memory.paused;
    s.score = memory.score;
    s.suspect_score = rules.detectors.suspect_score;
    s.act_score = act_score();
    s.hard = hard_path(ledger, settled, memory.active(), rules.detectors);
    s.standby_trouble = standby_trouble();
    s.confirmed = incident.state == IncidentState::confirmed;
    s.diagnosis = culprit.diagnosis;
    s.users_harmed = culprit.users_harmed;
    s.blind = culprit.blind || latest_blind || (unfinished && unfinished->control_bad) ||
              control_fails_now();
    // Only where the named evidence is of those minutes: the edge of a cut of ours is no evidence.
    const ChannelCount& control = at(culprit.diagnosis.counts, Channel::CT);
    const bool of_blind_minutes =
        control.bad >=
        bad_threshold(votes(control), rules.detectors.background_loss, rules.detectors.false_block);
    s.users_fail_on = s.blind && of_blind_minutes && users_fail_on();
    s.standby_certified = standby.at(now).certified;
    s.audit = audit_standing();
    if (s.audit == AuditStanding::unfit) s.standby_lacks = memory.audits.lacks();
    s.active = memory.active();
    s.in_flight = memory.machine.in_flight();
    s.migrated = incident.moved;
    s.has_steps = !rules.steps.empty();
    return s;
}

void Engine::State::record_diagnosis(const Diagnosis& diagnosis) {
    const DiagnosisMade& last = memory.incident->diagnosis;
    if (last.diagnosis == diagnosis.name && band(last.posterior) == band(diagnosis.posterior)) {
        return;
    }
    const VendorSaid vendor = gauges.vendor(now);
    emit(DiagnosisMade{memory.incident->id, diagnosis.name, diagnosis.posterior,
                       diagnosis.runner_up, diagnosis.runner_up_posterior, diagnosis.reasons,
                       failures.since(settled - rules.detectors.window), vendor.claim,
                       vendor.source, vendor.age});
}

void Engine::State::record_decision(const Verdict& verdict, const Diagnosis& diagnosis) {
    const DecisionMade& last = memory.incident->decision;
    if (last.incident == memory.incident->id && last.decision == verdict.decision &&
        last.diagnosis == diagnosis.name && last.refusals == verdict.refusals) {
        return;
    }
    emit(DecisionMade{memory.incident->id, verdict.decision, diagnosis.name, diagnosis.posterior,
                      verdict.refusals, verdict.why});
}

void Engine::State::page_if_due(const Verdict& verdict, const Diagnosis& diagnosis) {
    const Incident& incident = *memory.incident;
    const bool hold = verdict.decision == Decision::hold;
    const bool news = incident.pages == 0 || incident.paged_diagnosis != diagnosis.name ||
                      incident.paged_severity != Severity::high || (hold && !incident.paged_hold);
    // That the platform is moved, or should be and is not, is said however much was said before.
    const bool must_be_told =
        verdict.decision == Decision::migrate || (hold && !incident.told_of_hold);
    if (!news || (incident.pages >= rules.policy.pages_at_most && !must_be_told)) return;
    std::string bad;
    std::string good;
    for (const ChannelCount& count : diagnosis.counts) {
        const std::string name{to_text(count.channel)};
        if (count.bad > 0) {
            bad +=
                " " + name + " " + std::to_string(count.bad) + "/" + std::to_string(votes(count));
        } else if (count.good > 0) {
            good += " " + name;
        }
    }
    raise(Severity::high, std::string(to_text(verdict.decision)) + ": " + diagnosis.text + ". " +
                              verdict.why + " Bad:" + bad + ". Good:" + good +
                              ". The vendor says " + to_text(gauges.vendor(now)) + ".");
}

void Engine::State::propose(const Verdict& verdict) {
    MigrationPlan plan;
    plan.epoch = {memory.last_epoch + 1};
    plan.incident = memory.incident->id;
    plan.from = to_text(ActiveBroker::primary);
    plan.to = to_text(ActiveBroker::standby);
    plan.reason = verdict.why;
    plan.steps = rules.steps;
    emit(MigrationProposed{std::move(plan)});
    move_incident(IncidentState::migrating, verdict.why);
}

void Engine::State::move_incident(IncidentState state, std::string reason) {
    emit(IncidentMoved{memory.incident->id, state, std::move(reason)});
}

}  // namespace vc
