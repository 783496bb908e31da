#include "daemon/http/status_json.h"

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace vc {
namespace {

namespace json = boost::json;

constexpr std::size_t words_max = 200;

json::string text(std::string_view words) {
    return json::string(words);
}

json::value optional_seconds(const std::optional<Duration>& duration) {
    if (!duration) return nullptr;
    return seconds(*duration);
}

json::object quorum(const StatusFacts& facts) {
    json::object object;
    object["watchers"] = 1;
    object["single_accepted"] = facts.single_watcher_accepted;
    object["words"] =
        facts.single_watcher_accepted
            ? "A QUORUM OF ONE: this watcher decides alone; what it sees may be its own fault"
            : "A QUORUM OF ONE, not accepted in the configuration: this watcher never migrates";
    return object;
}

json::value incident(const EngineStatus& engine) {
    if (!engine.incident) return nullptr;
    const auto& open = *engine.incident;
    json::object object;
    object["id"] = open.incident.value;
    object["state"] = text(to_text(open.state));
    object["opened"] = text(to_text(open.opened));
    object["open_for_s"] = seconds(engine.at - open.opened);
    object["diagnosis"] = text(open.diagnosis);
    object["posterior"] = open.posterior;
    object["runner_up"] = text(open.runner_up);
    object["runner_up_posterior"] = open.runner_up_posterior;
    object["decision"] = text(to_text(open.decision));
    object["why"] = text(open.why);
    json::array refusals;
    for (const Refusal refusal : open.refusals) {
        json::object one;
        one["name"] = text(to_text(refusal));
        one["words"] = text(explain(refusal));
        refusals.push_back(std::move(one));
    }
    object["refusals"] = std::move(refusals);
    return object;
}

json::value migration(const EngineStatus& engine) {
    if (!engine.migration) return nullptr;
    const auto& view = *engine.migration;
    json::object object;
    object["epoch"] = view.plan.epoch.value;
    object["incident"] = view.plan.incident.value;
    object["from"] = text(view.plan.from);
    object["to"] = text(view.plan.to);
    object["reason"] = text(view.plan.reason);
    object["step"] = view.step;
    object["state"] = text(view.state);
    json::array steps;
    for (const MigrationStep& step : view.plan.steps)
        steps.push_back(text(step.name));
    object["steps"] = std::move(steps);
    return object;
}

json::array gauges(const EngineStatus& engine) {
    json::array all;
    for (const Gauge& gauge : engine.gauges) {
        json::object one;
        one["role"] = text(to_text(gauge.role));
        one["source"] = text(gauge.source);
        if (gauge.role == GaugeRole::vendor_claim) one["claim"] = text(to_text(gauge.vendor));
        if (gauge.role != GaugeRole::vendor_claim) {
            one["value"] = gauge.value ? json::value(*gauge.value) : json::value(nullptr);
        }
        one["age_s"] = gauge.missing() ? json::value(nullptr) : json::value(seconds(gauge.age));
        one["reason"] = text(gauge.reason);
        all.push_back(std::move(one));
    }
    return all;
}

json::object channel(const ChannelFacts& facts) {
    json::object object;
    object["started"] = facts.counts.started;
    object["in_flight"] = facts.counts.in_flight;
    json::object finished;
    for (std::size_t i = 0; i < all_outcomes.size(); ++i)
        finished[to_text(all_outcomes[i])] = facts.counts.finished[i];
    object["finished"] = std::move(finished);
    object["missed_ticks"] = facts.missed_ticks;

    json::object recent;
    recent["attempts"] = facts.recent.attempts;
    recent["bad"] = facts.recent.bad;
    recent["last_outcome"] = nullptr;
    recent["last_finish"] = nullptr;
    if (facts.recent.last_outcome) {
        recent["last_outcome"] = text(to_text(*facts.recent.last_outcome));
    }
    if (facts.recent.last_finish) recent["last_finish"] = text(to_text(*facts.recent.last_finish));
    recent["last_s"] = optional_seconds(facts.recent.last_latency);
    recent["p50_s"] = optional_seconds(facts.recent.p50);
    recent["p99_s"] = optional_seconds(facts.recent.p99);
    object["recent"] = std::move(recent);
    return object;
}

json::object journal(const StatusFacts& facts) {
    json::object object;
    object["id"] = text(facts.journal_id);
    object["state"] = text(facts.journal_state);
    object["records"] = facts.journal.records;
    object["observations"] = facts.journal.observations;
    object["observations_dropped"] = facts.journal.observations_dropped;
    object["failures"] = facts.journal.failures;
    object["batches_waiting"] = facts.journal.batches_waiting;
    object["bytes"] = facts.journal.file_bytes;
    return object;
}

json::object notify(const NotifyFacts& facts) {
    json::object object;
    object["sent"] = facts.sent;
    object["retried"] = facts.retried;
    object["failed"] = facts.failed;
    object["queued"] = facts.queued;
    return object;
}

std::string one_word(std::string_view key, std::string_view words) {
    json::object object;
    object[key] = text(words);
    return json::serialize(object);
}

std::optional<Command> command_named(std::string_view name) {
    for (const Command command : {Command::pause, Command::resume, Command::ack}) {
        if (to_text(command) == name) return command;
    }
    return std::nullopt;
}

// One member of a command: a text that is there and is not too long.
Result<std::string> member(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr) return failure("'" + std::string(key) + "' is missing");
    const json::string* found = value->if_string();
    if (found == nullptr) return failure("'" + std::string(key) + "' must be a text");
    if (found->empty()) return failure("'" + std::string(key) + "' is empty");
    if (found->size() > words_max) {
        return failure("'" + std::string(key) + "' is longer than " + std::to_string(words_max) +
                       " bytes");
    }
    return std::string(found->data(), found->size());
}

json::value readiness(const EngineStatus& engine) {
    if (!engine.readiness) return nullptr;
    const auto& view = *engine.readiness;
    const auto list = [](const std::vector<std::string>& words) {
        json::array out;
        for (const std::string& one : words)
            out.emplace_back(text(one));
        return out;
    };
    json::object out{{"standing", text(to_text(view.standing))},
                     {"unfit", list(view.unfit)},
                     {"told", list(view.told)},
                     {"at", nullptr},
                     {"last", nullptr},
                     {"detail", ""}};
    if (!view.last) return out;
    out["at"] = text(to_text(view.at));
    out["last"] = text(to_text(view.last->verdict));
    out["detail"] = text(view.last->detail);
    return out;
}

}  // namespace

std::string status_json(const StatusFacts& facts) {
    const EngineStatus& engine = facts.engine;
    json::object object;
    object["version"] = text(facts.version);
    object["mode"] = facts.mode == Mode::automatic ? "auto" : "observe";
    object["quorum"] = quorum(facts);
    object["at"] = text(to_text(engine.at));
    object["started"] = text(to_text(facts.started));
    object["time_lapse"] = facts.time_lapse;
    object["paused"] = engine.paused;
    object["blind"] = engine.blind;
    object["score"] = engine.score;
    object["active_broker"] = text(engine.active_broker);
    object["vendor"] = text(to_text(engine.vendor));
    object["vendor_source"] = text(engine.vendor_source);
    object["vendor_age_s"] = engine.vendor == VendorClaim::missing
                                 ? json::value(nullptr)
                                 : json::value(seconds(engine.vendor_age));
    object["vendor_disagreement"] = text(to_text(engine.vendor_disagreement));
    object["gauges"] = gauges(engine);
    json::object standby;
    standby["certified"] = engine.standby_certified;
    standby["reason"] = text(engine.standby_reason);
    standby["readiness"] = readiness(engine);
    object["standby"] = std::move(standby);
    object["incident"] = incident(engine);
    object["migration"] = migration(engine);
    object["pages"] = engine.pages;
    object["migrations"] = engine.migrations;
    json::object channels;
    for (const auto& [name, its_facts] : facts.channels)
        channels[to_text(name)] = channel(its_facts);
    object["channels"] = std::move(channels);
    object["accounted"] = !facts.unaccounted.has_value();
    if (facts.unaccounted) object["unaccounted"] = text(*facts.unaccounted);
    object["journal"] = journal(facts);
    object["notify"] = notify(facts.notify);
    return json::serialize(object);
}

Result<CommandGiven> command_from_json(std::string_view body) {
    boost::system::error_code error;
    const json::value value = json::parse(json::string_view(body.data(), body.size()), error);
    if (error) return failure("the body is not JSON: " + error.message());
    const json::object* object = value.if_object();
    if (object == nullptr) return failure("the body is not a JSON object");
    constexpr std::array<std::string_view, 3> known{"command", "by", "reason"};
    for (const auto& entry : *object) {
        const std::string key(entry.key());
        if (std::find(known.begin(), known.end(), key) == known.end()) {
            return failure("'" + key + "' is not known; a command has command, by and reason");
        }
    }
    const auto name = member(*object, "command");
    if (!name) return tl::unexpected(name.error());
    const auto command = command_named(*name);
    if (!command) return failure("'" + *name + "' is no command; there are pause, resume and ack");
    auto by = member(*object, "by");
    if (!by) return tl::unexpected(by.error());
    auto reason = member(*object, "reason");
    if (!reason) return tl::unexpected(reason.error());
    return CommandGiven{*command, std::move(*by), std::move(*reason)};
}

std::string error_json(std::string_view words) {
    return one_word("error", words);
}

std::string done_json(std::string_view words) {
    return one_word("done", words);
}

}  // namespace vc
