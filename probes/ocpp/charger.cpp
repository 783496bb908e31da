#include "probes/ocpp/charger.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "probes/ledger.h"
#include "rules/base/check.h"

namespace vc {

using namespace std::chrono_literals;

// The state table. What is not in it changes nothing.
struct Charger::Row {
    enum class Act : std::uint8_t { nothing, boot, wait, note };
    ChargerState from;
    Input input;
    ChargerState to;
    Act act;

    static const std::array<Row, 14>& table();
};

const std::array<Charger::Row, 14>& Charger::Row::table() {
    using S = ChargerState;
    using I = Input;
    static constexpr std::array<Row, 14> rows{{
        {S::offline, I::opened_new, S::booting, Act::boot},
        {S::offline, I::opened_known, S::ready, Act::nothing},
        {S::booting, I::boot_accepted, S::ready, Act::note},
        {S::booting, I::boot_refused, S::held, Act::wait},
        {S::booting, I::boot_unanswered, S::booting, Act::boot},
        {S::held, I::retry_due, S::booting, Act::boot},
        {S::held, I::boot_accepted, S::ready, Act::note},
        {S::held, I::boot_refused, S::held, Act::wait},
        {S::ready, I::must_boot, S::booting, Act::boot},
        {S::ready, I::boot_accepted, S::ready, Act::note},
        {S::booting, I::lost, S::offline, Act::nothing},
        {S::held, I::lost, S::offline, Act::nothing},
        {S::ready, I::lost, S::offline, Act::nothing},
        {S::offline, I::lost, S::offline, Act::nothing},
    }};
    return rows;
}

Charger::Charger(ChargerOptions options) : options_(std::move(options)) {}

void Charger::step(Input input, Instant now) {
    for (const Row& row : Row::table()) {
        if (row.from != state_ || row.input != input) continue;
        state_ = row.to;
        switch (row.act) {
            case Row::Act::nothing:
                break;
            case Row::Act::boot:
                send(CallKind::boot, 0, false, now);
                break;
            case Row::Act::wait:
                retry_at_ = now + boot_interval_;
                break;
            case Row::Act::note:
                booted_ = true;
                refused_ = false;
                break;
        }
        return;
    }
}

void Charger::opened(Instant now) {
    step(booted_ ? Input::opened_known : Input::opened_new, now);
}

void Charger::lost(Instant now) {
    // A call that went down with its connection is answered, if ever, on the next one.
    if (outstanding_) remember(*std::exchange(outstanding_, std::nullopt), false, now);
    leave_transaction(now);
    texts_.clear();
    step(Input::lost, now);
}

void Charger::on_time(Instant now) {
    if (outstanding_ && !outstanding_->owners && now >= outstanding_->give_up_at) {
        Call call = *std::exchange(outstanding_, std::nullopt);
        const CallKind kind = call.kind;
        for (Debt& debt : debts_) {
            if (kind != CallKind::stop || debt.transaction != call.transaction) continue;
            // Twice as long each time: the line is for measuring first.
            debt.silences = std::min(debt.silences + 1, 6);
            debt.next_try = now + (1 << debt.silences) * options_.answer_timeout;
        }
        remember(std::move(call), false, now);
        if (kind == CallKind::boot) step(Input::boot_unanswered, now);
    }
    if (state_ == ChargerState::held && now >= retry_at_) step(Input::retry_due, now);
}

std::optional<Instant> Charger::wake_at() const {
    std::optional<Instant> at;
    if (outstanding_ && !outstanding_->owners) wake_by(at, outstanding_->give_up_at);
    if (state_ == ChargerState::held) wake_by(at, retry_at_);
    if (free()) {
        for (const Debt& debt : debts_) {
            if (!debt.held) wake_by(at, debt.next_try);
        }
    }
    return at;
}

std::string Charger::payload_of(const Call& call, Instant now) const {
    const std::string time = json_quoted(to_text(now));
    const std::string transaction = std::to_string(call.transaction);
    // The meter stands still: a synthetic session charges nothing, and bills nothing.
    switch (call.kind) {
        case CallKind::boot:
            return "{\"chargePointVendor\":" + json_quoted(options_.vendor) +
                   ",\"chargePointModel\":" + json_quoted(options_.model) + "}";
        case CallKind::heartbeat:
            return "{}";
        case CallKind::start:
            return "{\"connectorId\":" + std::to_string(options_.connector) +
                   ",\"idTag\":" + json_quoted(options_.id_tag) +
                   ",\"meterStart\":0,\"timestamp\":" + time + "}";
        case CallKind::meter:
            return "{\"connectorId\":" + std::to_string(options_.connector) +
                   ",\"transactionId\":" + transaction + ",\"meterValue\":[{\"timestamp\":" + time +
                   ",\"sampledValue\":[{\"value\":\"0\"}]}]}";
        case CallKind::stop:
            return "{\"transactionId\":" + transaction + ",\"timestamp\":" + time +
                   ",\"meterStop\":0}";
    }
    return "{}";
}

void Charger::send(CallKind kind, std::int64_t transaction, bool owners, Instant now) {
    static constexpr std::array<std::string_view, 5> actions{
        "BootNotification", "Heartbeat", "StartTransaction", "MeterValues", "StopTransaction"};
    VC_CHECK(!outstanding_, "a second CALL while one is outstanding");
    Call call{options_.call_prefix + std::to_string(next_id_++), kind, transaction, owners,
              now + options_.answer_timeout};
    texts_.push_back(
        call_text(call.id, actions[static_cast<std::size_t>(kind)], payload_of(call, now)));
    outstanding_ = std::move(call);
}

void Charger::call(CallKind kind, Instant now) {
    VC_CHECK(free(), "a call while the charger is not free");
    std::int64_t transaction = 0;
    for (const Debt& debt : debts_) {
        if (debt.held) transaction = debt.transaction;
    }
    send(kind, transaction, true, now);
}

void Charger::give_up(Instant now, Instant doubt_until) {
    if (!outstanding_ || !outstanding_->owners) return;
    remember(*std::exchange(outstanding_, std::nullopt), false, std::max(now, doubt_until));
}

void Charger::leave_transaction(Instant now) {
    for (Debt& debt : debts_) {
        if (debt.held) debt.next_try = now;
        debt.held = false;
    }
}

void Charger::clean_up(Instant now) {
    if (!free()) return;
    for (const Debt& debt : debts_) {
        if (debt.held || debt.next_try > now) continue;
        send(CallKind::stop, debt.transaction, false, now);
        return;
    }
}

bool Charger::clean(Instant now) const {
    if (!debts_.empty()) return false;
    if (outstanding_ && outstanding_->kind == CallKind::start) return false;
    return std::none_of(past_.begin(), past_.end(), [now](const PastCall& past) {
        return past.call.kind == CallKind::start && !past.answered && now < past.doubt_until;
    });
}

void Charger::remember(Call call, bool answered, Instant doubt_until) {
    past_.push_back({std::move(call), answered, doubt_until});
    if (past_.size() > most_remembered) past_.pop_front();
}

void Charger::receive(std::string_view text, Instant now) {
    const auto frame = parse_frame(text);
    if (!frame) {
        on_malformed(frame.error(), now);
        return;
    }
    switch (frame->kind) {
        case FrameKind::ignored:
            ++counters_.unmatched;
            break;
        case FrameKind::call:
            on_call(*frame);
            break;
        case FrameKind::result:
        case FrameKind::error:
            on_answer(*frame, now);
            break;
    }
}

void Charger::on_malformed(const FrameFault& fault, Instant now) {
    ++counters_.malformed;
    if (fault.is_call) {
        if (!fault.id.empty()) {
            texts_.push_back(error_text(fault.id, "FormationViolation", fault.reason));
        }
        return;
    }
    if (!outstanding_) return;
    Call call = *std::exchange(outstanding_, std::nullopt);
    const CallKind kind = call.kind;
    const bool owners = call.owners;
    remember(std::move(call), false, now + options_.answer_timeout);
    if (kind == CallKind::boot) {
        boot_answered(Meaning::malformed, now);
    } else if (owners) {
        answers_.push_back({kind, Meaning::malformed});
    }
}

void Charger::on_call(const Frame& frame) {
    // Refusals that are legal in 1.6, for a charger that is there to be read and not to be led.
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 12> answers{{
        {"GetConfiguration", R"({"configurationKey":[]})"},
        {"ChangeConfiguration", R"({"status":"NotSupported"})"},
        {"ChangeAvailability", R"({"status":"Rejected"})"},
        {"Reset", R"({"status":"Rejected"})"},
        {"RemoteStartTransaction", R"({"status":"Rejected"})"},
        {"RemoteStopTransaction", R"({"status":"Rejected"})"},
        {"UnlockConnector", R"({"status":"NotSupported"})"},
        {"ClearCache", R"({"status":"Rejected"})"},
        {"TriggerMessage", R"({"status":"NotImplemented"})"},
        {"DataTransfer", R"({"status":"UnknownVendorId"})"},
        {"GetLocalListVersion", R"({"listVersion":-1})"},
        {"SendLocalList", R"({"status":"NotSupported"})"},
    }};
    for (const auto& [action, payload] : answers) {
        if (frame.action != action) continue;
        texts_.push_back(result_text(frame.id, payload));
        return;
    }
    texts_.push_back(error_text(frame.id, "NotImplemented", "a virtual charger"));
}

void Charger::on_answer(const Frame& frame, Instant now) {
    if (!outstanding_ || outstanding_->id != frame.id) {
        for (PastCall& past : past_) {
            if (past.call.id != frame.id) continue;
            on_past_answer(past, frame, now);
            return;
        }
        on_unknown_answer(frame, now);
        return;
    }
    const Call call = *std::exchange(outstanding_, std::nullopt);
    remember(call, true, now);
    const Meaning meaning = judge(call, frame, now);
    if (call.kind == CallKind::boot) {
        boot_answered(meaning, now);
        return;
    }
    if (call.owners) answers_.push_back({call.kind, meaning});
    // The peer no longer knows us as booted.
    if (frame.code == "SecurityError") {
        booted_ = false;
        step(Input::must_boot, now);
    }
}

void Charger::on_past_answer(PastCall& past, const Frame& frame, Instant now) {
    if (std::exchange(past.answered, true)) {
        ++counters_.duplicates;
        return;
    }
    ++counters_.late_answers;
    Call call = past.call;
    call.owners = false;  // whoever waited for it has gone: what it started is left to clean_up()
    const Meaning meaning = judge(call, frame, now);
    if (call.kind == CallKind::boot && meaning == Meaning::right && state_ != ChargerState::ready) {
        // A second boot may be on its way; its answer will be one to a past call.
        if (outstanding_) remember(*std::exchange(outstanding_, std::nullopt), false, now);
        boot_answered(meaning, now);
    }
}

// An answer to a call so old that it is forgotten may still be news of a transaction.
void Charger::on_unknown_answer(const Frame& frame, Instant now) {
    ++counters_.unmatched;
    const std::string_view id = frame.id;
    if (!id.starts_with(options_.call_prefix) || frame.kind != FrameKind::result) return;
    if (debts_.size() >= 2 * most_remembered) return;
    std::uint64_t number = 0;
    const char* end = id.data() + id.size();
    const auto read = std::from_chars(id.data() + options_.call_prefix.size(), end, number);
    if (read.ec != std::errc{} || read.ptr != end || number >= next_id_) return;
    if (frame.payload.at("transactionId") != nullptr) judge_start(frame, false, now);
}

Meaning Charger::judge(const Call& call, const Frame& frame, Instant now) {
    if (call.kind == CallKind::stop) settle_stop(call.transaction, frame, now);
    if (frame.kind == FrameKind::error) return Meaning::wrong;
    switch (call.kind) {
        case CallKind::boot:
            return judge_boot(frame);
        case CallKind::heartbeat:
            return frame.payload.text_at("currentTime") ? Meaning::right : Meaning::wrong;
        case CallKind::start:
            return judge_start(frame, call.owners, now);
        case CallKind::meter:
        case CallKind::stop:
            return Meaning::right;
    }
    return Meaning::wrong;
}

Meaning Charger::judge_boot(const Frame& frame) {
    const auto status = frame.payload.text_at("status");
    boot_interval_ = options_.answer_timeout;
    const std::int64_t interval = frame.payload.integer_at("interval").value_or(0);
    if (interval > 0) boot_interval_ = std::min<std::int64_t>(interval, 300) * Duration{1s};
    if (status == "Accepted") return Meaning::right;
    if (status == "Pending") return Meaning::pending;
    return status == "Rejected" ? Meaning::refused : Meaning::wrong;
}

Meaning Charger::judge_start(const Frame& frame, bool held, Instant now) {
    const auto transaction = frame.payload.integer_at("transactionId");
    const auto status = frame.payload.text_at("idTagInfo.status");
    // A refused tag may come with a transaction all the same, which then has to be stopped. Some
    // systems write 0 for "none".
    const bool accepted = status == "Accepted";
    if (transaction && (accepted || *transaction != 0)) {
        debts_.push_back({*transaction, held && accepted, 0, 0, now});
    }
    if (!status) return Meaning::wrong;
    if (!accepted) return Meaning::refused;
    return transaction ? Meaning::right : Meaning::wrong;
}

void Charger::settle_stop(std::int64_t transaction, const Frame& frame, Instant now) {
    const auto found = std::find_if(debts_.begin(), debts_.end(), [transaction](const Debt& debt) {
        return debt.transaction == transaction;
    });
    if (found == debts_.end()) return;
    if (frame.kind == FrameKind::error) {
        found->next_try = now + ++found->refusals * options_.answer_timeout;
        if (found->refusals < most_refusals) return;
        ++counters_.cleanups_given_up;
    } else if (!found->held) {
        ++counters_.cleanups;
    }
    debts_.erase(found);
}

void Charger::boot_answered(Meaning meaning, Instant now) {
    answers_.push_back({CallKind::boot, meaning});
    if (meaning == Meaning::right) {
        step(Input::boot_accepted, now);
        return;
    }
    refused_ = meaning == Meaning::refused || meaning == Meaning::pending;
    if (!refused_) boot_interval_ = options_.answer_timeout;
    step(Input::boot_refused, now);
}

std::vector<std::string> Charger::take_texts() {
    return std::exchange(texts_, {});
}

std::vector<Answer> Charger::take_answers() {
    return std::exchange(answers_, {});
}

}  // namespace vc
