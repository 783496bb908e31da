#include "rules/record.h"

#include <boost/json.hpp>
#include <cmath>

#include "rules/base/overloaded.h"
#include "rules/names.h"

namespace vc {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 14> kinds{
    "block_closed",    "incident_opened",    "incident_moved", "diagnosis_made", "decision_made",
    "page_raised",     "migration_proposed", "step_started",   "step_finished",  "verify_started",
    "migration_ended", "command_taken",      "gauge_changed",  "standby_audited"};
static_assert(kinds.size() == std::variant_size_v<RecordBody>);

json::string text(std::string_view words) {
    return json::string(words.data(), words.size());
}

std::int64_t nanoseconds(Instant at) {
    return at.time_since_epoch().count();
}

json::array ids(const std::vector<AttemptId>& evidence) {
    json::array out;
    for (const AttemptId id : evidence)
        out.emplace_back(id.value);
    return out;
}

json::object run_object(const HookRun& run) {
    return {{"epoch", run.epoch.value},
            {"step", run.step},
            {"verb", text(to_text(run.verb))},
            {"attempt", run.attempt}};
}

// ---- writing: one function per alternative, in the variant's order

json::object write(const BlockClosed& r) {
    json::object counts;
    for (const ChannelCount& c : r.counts)
        counts[to_text(c.channel)] = json::array{c.good, c.bad, c.unvoting};
    return {{"from_ns", nanoseconds(r.from)},
            {"bad", r.bad},
            {"blind", r.blind},
            {"control_bad", r.control_bad},
            {"score", r.score},
            {"first_bad_ns", nanoseconds(r.first_bad)},
            {"last_bad_ns", nanoseconds(r.last_bad)},
            {"counts", std::move(counts)}};
}
json::object write(const IncidentOpened& r) {
    return {
        {"incident", r.incident.value}, {"reason", text(r.reason)}, {"evidence", ids(r.evidence)}};
}
json::object write(const IncidentMoved& r) {
    return {{"incident", r.incident.value},
            {"state", text(to_text(r.state))},
            {"reason", text(r.reason)}};
}
json::object write(const DiagnosisMade& r) {
    json::array reasons;
    for (const std::string& reason : r.reasons)
        reasons.emplace_back(text(reason));
    return {{"incident", r.incident.value},
            {"diagnosis", text(r.diagnosis)},
            {"posterior", r.posterior},
            {"runner_up", text(r.runner_up)},
            {"runner_up_posterior", r.runner_up_posterior},
            {"reasons", std::move(reasons)},
            {"evidence", ids(r.evidence)},
            {"vendor", text(to_text(r.vendor))},
            {"vendor_source", text(r.vendor_source)},
            {"vendor_age_ns", r.vendor_age.count()}};
}
json::object write(const DecisionMade& r) {
    json::array refusals;
    for (const Refusal refusal : r.refusals)
        refusals.emplace_back(text(to_text(refusal)));
    return {{"incident", r.incident.value},    {"decision", text(to_text(r.decision))},
            {"diagnosis", text(r.diagnosis)},  {"posterior", r.posterior},
            {"refusals", std::move(refusals)}, {"why", text(r.why)}};
}
json::object write(const PageRaised& r) {
    return {{"incident", r.incident.value},
            {"severity", text(to_text(r.severity))},
            {"text", text(r.text)}};
}
json::object write(const MigrationProposed& r) {
    json::array steps;
    for (const MigrationStep& step : r.plan.steps) {
        steps.push_back(json::object{{"name", text(step.name)},
                                     {"hook", text(step.hook)},
                                     {"point_of_no_return", step.point_of_no_return},
                                     {"deadline_ns", step.deadline.count()},
                                     {"attempts", step.attempts},
                                     {"verify", step.verify}});
    }
    return {{"epoch", r.plan.epoch.value},   {"incident", r.plan.incident.value},
            {"from", text(r.plan.from)},     {"to", text(r.plan.to)},
            {"reason", text(r.plan.reason)}, {"steps", std::move(steps)}};
}
json::object write(const StepStarted& r) {
    return {{"run", run_object(r.run)}, {"step", text(r.step)}, {"key", text(r.key)}};
}
json::object write(const StepFinished& r) {
    return {{"run", run_object(r.run)},
            {"outcome", text(to_text(r.outcome))},
            {"detail", text(r.detail)}};
}
json::object write(const VerifyStarted& r) {
    return {{"epoch", r.epoch.value}};
}
json::object write(const MigrationEnded& r) {
    return {
        {"epoch", r.epoch.value}, {"result", text(to_text(r.result))}, {"detail", text(r.detail)}};
}
json::object write(const CommandTaken& r) {
    return {{"command", text(to_text(r.given.command))},
            {"by", text(r.given.by)},
            {"reason", text(r.given.reason)}};
}
json::object write(const GaugeChanged& r) {
    const Gauge& g = r.gauge;
    return {{"role", text(to_text(g.role))},
            {"source", text(g.source)},
            {"vendor", text(to_text(g.vendor))},
            {"value", g.value ? json::value(*g.value) : json::value(nullptr)},
            {"age_ns", g.age.count()},
            {"limit_ns", g.limit.count()},
            {"reason", text(g.reason)}};
}
json::array texts(const std::vector<std::string>& list) {
    json::array out;
    for (const std::string& one : list)
        out.emplace_back(text(one));
    return out;
}
json::object write(const StandbyAudited& r) {
    return {{"incident", r.incident.value},
            {"number", r.audit.number},
            {"verdict", text(to_text(r.audit.verdict))},
            {"unfit", texts(r.audit.unfit)},
            {"told", texts(r.audit.told)},
            {"detail", text(r.audit.detail)}};
}

// ---- reading

// The members of one object, taken by name. The first that is missing or wrong is kept as the
// error; what is read after it is worthless and is thrown away with the result.
class Reader {
  public:
    Reader(const json::value& value, std::string path, std::string& error)
        : object_(value.if_object()), path_(std::move(path)), error_(error) {
        if (object_ == nullptr) fail("", "is not an object");
    }

    std::uint64_t unsigned_integer(std::string_view key) {
        const json::value* value = member(key);
        if (value == nullptr) return 0;
        if (value->is_uint64()) return value->get_uint64();
        if (value->is_int64() && value->get_int64() >= 0) {
            return static_cast<std::uint64_t>(value->get_int64());
        }
        fail(key, "is not a whole number from 0");
        return 0;
    }
    std::uint32_t small(std::string_view key) {
        const std::uint64_t value = unsigned_integer(key);
        if (value <= UINT32_MAX) return static_cast<std::uint32_t>(value);
        fail(key, "is too large");
        return 0;
    }
    std::int64_t integer(std::string_view key) {
        const json::value* value = member(key);
        if (value == nullptr) return 0;
        if (value->is_int64()) return value->get_int64();
        fail(key, "is not a whole number");
        return 0;
    }
    Instant instant(std::string_view key) { return Instant{Duration{integer(key)}}; }
    // Posteriors have six decimals; reading them back to exactly those undoes a parser's last bit.
    double share(std::string_view key) {
        const json::value* value = member(key);
        if (value == nullptr) return 0;
        if (!value->is_number()) {
            fail(key, "is not a number");
            return 0;
        }
        return std::round(value->to_number<double>() * 1e6) / 1e6;
    }
    bool boolean(std::string_view key) {
        const json::value* value = member(key);
        if (value == nullptr) return false;
        if (value->is_bool()) return value->get_bool();
        fail(key, "is neither true nor false");
        return false;
    }
    std::string words(std::string_view key) {
        const json::value* value = member(key);
        if (value == nullptr) return {};
        if (value->is_string()) return std::string(value->get_string());
        fail(key, "is not a text");
        return {};
    }
    template <class Enum>
    Enum choice(std::string_view key) {
        const std::string word = words(key);
        if (const auto value = from_text<Enum>(word)) return *value;
        fail(key, "has the unknown value '" + word + "'");
        return Enum{};
    }
    const json::array& array(std::string_view key) {
        static const json::array nothing;
        const json::value* value = member(key);
        if (value == nullptr) return nothing;
        if (value->is_array()) return value->get_array();
        fail(key, "is not a list");
        return nothing;
    }
    std::vector<std::string> texts(std::string_view key) {
        std::vector<std::string> out;
        for (const json::value& value : array(key)) {
            if (!value.is_string()) {
                fail(key, "has an item that is not a text");
                break;
            }
            out.emplace_back(value.get_string());
        }
        return out;
    }
    std::vector<AttemptId> attempts(std::string_view key) {
        std::vector<AttemptId> out;
        for (const json::value& value : array(key)) {
            if (value.is_uint64() || (value.is_int64() && value.get_int64() >= 0)) {
                out.push_back({value.to_number<std::uint64_t>()});
            } else {
                fail(key, "has an item that is not an attempt's number");
            }
        }
        return out;
    }
    bool has(std::string_view key) const { return object_ != nullptr && object_->contains(key); }
    const json::value* member(std::string_view key) {
        const json::value* value = object_ == nullptr ? nullptr : object_->if_contains(key);
        if (value == nullptr) fail(key, "is missing");
        return value;
    }
    Reader inner(std::string_view key) {
        static const json::value nothing = json::object{};
        const json::value* value = member(key);
        return {value == nullptr ? nothing : *value, path_ + std::string(key) + ".", error_};
    }
    void fail(std::string_view key, std::string_view what) {
        if (!error_.empty()) return;
        error_ = path_ + std::string(key) + (key.empty() ? "the record " : " ") + std::string(what);
    }

  private:
    const json::object* object_;
    std::string path_;
    std::string& error_;
};

HookRun read_run(Reader in) {
    return {.epoch = {in.unsigned_integer("epoch")},
            .step = in.small("step"),
            .verb = in.choice<HookVerb>("verb"),
            .attempt = in.small("attempt")};
}

ChannelCount read_count(std::string_view name, const json::value& value, Reader& in) {
    ChannelCount count;
    const auto channel = channel_from(name);
    const json::array* numbers = value.if_array();
    const auto number = [&](std::size_t i) {
        const json::value& v = numbers->at(i);
        if (v.is_int64() && v.get_int64() >= 0 && v.get_int64() <= UINT32_MAX) {
            return static_cast<std::uint32_t>(v.get_int64());
        }
        in.fail("counts", "has something else than a count");
        return std::uint32_t{0};
    };
    if (!channel) {
        in.fail("counts", "has the unknown channel '" + std::string(name) + "'");
    } else if (numbers == nullptr || numbers->size() != 3) {
        in.fail("counts", "is not three numbers per channel");
    } else {
        count = {*channel, number(0), number(1), number(2)};
    }
    return count;
}

template <class Body>
Body read(Reader in);

template <>
BlockClosed read(Reader in) {
    BlockClosed r;
    r.from = in.instant("from_ns");
    r.bad = in.boolean("bad");
    r.blind = in.boolean("blind");
    r.control_bad = in.boolean("control_bad");
    r.score = in.integer("score");
    r.first_bad = in.instant("first_bad_ns");
    r.last_bad = in.instant("last_bad_ns");
    const json::value* counts = in.member("counts");
    if (counts == nullptr) return r;
    if (!counts->is_object()) {
        in.fail("counts", "is not an object");
        return r;
    }
    for (const auto& [name, value] : counts->get_object())
        r.counts.push_back(read_count(name, value, in));
    return r;
}
template <>
IncidentOpened read(Reader in) {
    return {{in.unsigned_integer("incident")}, in.words("reason"), in.attempts("evidence")};
}
template <>
IncidentMoved read(Reader in) {
    return {
        {in.unsigned_integer("incident")}, in.choice<IncidentState>("state"), in.words("reason")};
}
template <>
DiagnosisMade read(Reader in) {
    DiagnosisMade r;
    r.incident = {in.unsigned_integer("incident")};
    r.diagnosis = in.words("diagnosis");
    r.posterior = in.share("posterior");
    r.runner_up = in.words("runner_up");
    r.runner_up_posterior = in.share("runner_up_posterior");
    r.reasons = in.texts("reasons");
    r.evidence = in.attempts("evidence");
    r.vendor = in.choice<VendorClaim>("vendor");
    // Journals begun before claims had ages lack these two.
    if (in.has("vendor_source")) r.vendor_source = in.words("vendor_source");
    if (in.has("vendor_age_ns")) r.vendor_age = Duration{in.integer("vendor_age_ns")};
    return r;
}
template <>
DecisionMade read(Reader in) {
    DecisionMade r;
    r.incident = {in.unsigned_integer("incident")};
    r.decision = in.choice<Decision>("decision");
    r.diagnosis = in.words("diagnosis");
    r.posterior = in.share("posterior");
    for (const json::value& value : in.array("refusals")) {
        const json::string* word = value.if_string();
        const auto refusal = word == nullptr ? std::nullopt : from_text<Refusal>(*word);
        if (!refusal) {
            in.fail("refusals", "has an unknown item");
            break;
        }
        r.refusals.push_back(*refusal);
    }
    r.why = in.words("why");
    return r;
}
template <>
PageRaised read(Reader in) {
    return {{in.unsigned_integer("incident")}, in.choice<Severity>("severity"), in.words("text")};
}
template <>
MigrationProposed read(Reader in) {
    MigrationPlan plan;
    plan.epoch = {in.unsigned_integer("epoch")};
    plan.incident = {in.unsigned_integer("incident")};
    plan.from = in.words("from");
    plan.to = in.words("to");
    plan.reason = in.words("reason");
    std::string error;
    for (const json::value& value : in.array("steps")) {
        Reader step{value, "", error};
        plan.steps.push_back({.name = step.words("name"),
                              .hook = step.words("hook"),
                              .point_of_no_return = step.boolean("point_of_no_return"),
                              .deadline = Duration{step.integer("deadline_ns")},
                              .attempts = step.small("attempts"),
                              .verify = step.boolean("verify")});
    }
    if (!error.empty()) in.fail("steps", "has a step whose " + error);
    return {std::move(plan)};
}
template <>
StepStarted read(Reader in) {
    return {read_run(in.inner("run")), in.words("step"), in.words("key")};
}
template <>
StepFinished read(Reader in) {
    return {read_run(in.inner("run")), in.choice<HookOutcome>("outcome"), in.words("detail")};
}
template <>
VerifyStarted read(Reader in) {
    return {{in.unsigned_integer("epoch")}};
}
template <>
MigrationEnded read(Reader in) {
    return {
        {in.unsigned_integer("epoch")}, in.choice<MigrationResult>("result"), in.words("detail")};
}
template <>
CommandTaken read(Reader in) {
    return {{in.choice<Command>("command"), in.words("by"), in.words("reason")}};
}
template <>
GaugeChanged read(Reader in) {
    Gauge g;
    g.role = in.choice<GaugeRole>("role");
    g.source = in.words("source");
    g.vendor = in.choice<VendorClaim>("vendor");
    const json::value* value = in.member("value");
    if (value != nullptr && !value->is_null()) g.value = in.share("value");
    g.age = Duration{in.integer("age_ns")};
    g.limit = Duration{in.integer("limit_ns")};
    g.reason = in.words("reason");
    return {std::move(g)};
}
template <>
StandbyAudited read(Reader in) {
    StandbyAudited r;
    r.incident = {in.unsigned_integer("incident")};
    r.audit.number = in.unsigned_integer("number");
    r.audit.verdict = in.choice<AuditVerdict>("verdict");
    r.audit.unfit = in.texts("unfit");
    r.audit.told = in.texts("told");
    r.audit.detail = in.words("detail");
    return r;
}

template <std::size_t I = 0>
RecordBody read_kind(std::size_t kind, Reader in) {
    if constexpr (I + 1 < std::variant_size_v<RecordBody>) {
        if (kind != I) return read_kind<I + 1>(kind, std::move(in));
    }
    return read<std::variant_alternative_t<I, RecordBody>>(std::move(in));
}

}  // namespace

std::string_view kind_of(const Record& record) {
    return kinds.at(record.body.index());
}

IncidentId incident_of(const Record& record) {
    return std::visit(Overloaded{[](const MigrationProposed& r) { return r.plan.incident; },
                                 [](const auto& r) {
                                     if constexpr (requires { r.incident; }) return r.incident;
                                     return IncidentId{};
                                 }},
                      record.body);
}

Epoch epoch_of(const Record& record) {
    return std::visit(Overloaded{[](const MigrationProposed& r) { return r.plan.epoch; },
                                 [](const auto& r) {
                                     if constexpr (requires { r.run; }) return r.run.epoch;
                                     if constexpr (requires { r.epoch; }) return r.epoch;
                                     return Epoch{};
                                 }},
                      record.body);
}

std::string to_json(const Record& record) {
    return std::visit([](const auto& body) { return json::serialize(write(body)); }, record.body);
}

Result<Record> record_from_json(Instant at, std::string_view kind, std::string_view text) {
    std::size_t index = 0;
    while (index < kinds.size() && kinds[index] != kind)
        ++index;
    if (index == kinds.size()) return failure("unknown record kind '" + std::string(kind) + "'");
    boost::system::error_code code;
    json::parse_options options;
    options.max_depth = 8;
    const json::value value =
        json::parse({text.data(), text.size()}, code, json::storage_ptr{}, options);
    if (code) return failure(std::string(kind) + ": not JSON: " + code.message());
    std::string error;
    RecordBody body = read_kind(index, Reader{value, "", error});
    if (!error.empty()) return failure(std::string(kind) + ": " + error);
    return Record{at, std::move(body)};
}

}  // namespace vc
