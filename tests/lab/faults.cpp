#include "tests/lab/faults.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "tests/lab/fault_request.h"

namespace vc::lab {
namespace {

namespace json = boost::json;

// A key's text, taken out; empty when there is none.
std::string taken(json::object& fields, const char* key) {
    const auto found = fields.find(key);
    if (found == fields.end()) return {};
    const std::string text =
        found->value().is_string() ? std::string(found->value().as_string()) : "";
    fields.erase(found);
    return text;
}

}  // namespace

void Faults::add(FaultTarget target) {
    const std::string name = target.state->component();
    target.state->agenda_ = &agenda_;
    target.state->fates_ = fates_;
    targets_.emplace(name, std::move(target));
}

Result<std::string> Faults::inject(const json::object& request) {
    json::object rest = request;
    const std::string component = taken(rest, "component");
    const auto target = targets_.find(component);
    if (target == targets_.end()) return failure("component: '" + component + "' is not known");
    const std::string name = taken(rest, "kind");
    const auto kind = fault_kind(name);
    const auto& can = target->second.kinds;
    if (!kind || std::find(can.begin(), can.end(), *kind) == can.end()) {
        std::string words = "kind: " + component + " can have";
        for (const FaultKind one : can)
            words += std::string(" ") + to_text(one);
        return failure(words + ", not '" + name + "'");
    }
    auto fault = read_fault(*kind, std::move(rest), target->second.narrows);
    if (!fault) return tl::unexpected<Error>(fault.error());
    fault->since = agenda_.now();

    const std::string id = "f" + std::to_string(next_++);
    Live& live =
        live_.emplace(id, Live{&target->second, *fault, json::serialize(request), {}, {}, {}})
            .first->second;
    json::object line = request;
    line["id"] = id;
    truth_.add("inject", std::move(line));
    FaultState& state = *target->second.state;
    FaultState::Live& on = state.faults_[id];
    on.fault = *fault;
    on.salt = state.seed_ * 1'000'003 + next_;
    on.tokens = fault->credits;
    on.counted = fault->since;
    if (fault->length > Duration::zero()) {
        live.end = agenda_.after(fault->length, [this, id] { clear(id); });
    }
    if (fault->ramp > Duration::zero() && target->second.changed) {
        live.grown = agenda_.after(fault->ramp, target->second.changed);
    }
    if (fault->kind == FaultKind::Drop) {
        drop(id, true);
    } else if (target->second.changed) {
        target->second.changed();
    }
    return id;
}

// A Poisson process whose rate doubles each `doubles`: the time until its next event, by inverting
// what the rate sums up to from now on.
Duration Faults::until_next_drop(const Live& live) {
    const Fault& fault = live.fault;
    if (fault.doubles <= Duration::zero()) return fault.every;
    const auto s = [](Duration time) { return std::chrono::duration<double>(time).count(); };
    const double doubles = s(fault.doubles);
    const double passed = s(agenda_.now() - fault.since) / doubles;
    const double drawn = -std::log(1 - live.target->state->random_.ratio());
    const double more = drawn * s(fault.every) * std::log(2.0) / doubles;
    const double wait = doubles * (std::log2(std::exp2(passed) + more) - passed);
    return Duration{static_cast<std::int64_t>(std::max(wait, 0.05) * 1e9)};
}

void Faults::drop(const std::string& id, bool first) {
    Live& live = live_.at(id);
    // What is by chance begins by chance; what is not begins at once.
    if (!first || live.fault.doubles <= Duration::zero()) {
        const int hit = live.target->dropped(live.fault);
        truth_.add(
            "drop",
            {{"id", id}, {"component", live.target->state->component()}, {"connections", hit}});
    }
    if (live.fault.every > Duration::zero()) {
        live.repeat = agenda_.after(until_next_drop(live), [this, id] { drop(id, false); });
    }
}

bool Faults::clear(const std::string& id) {
    auto live = live_.extract(id);
    if (live.empty()) return false;
    FaultTarget& target = *live.mapped().target;
    target.state->faults_.erase(id);
    truth_.add("clear", {{"id", id},
                         {"component", target.state->component()},
                         {"kind", to_text(live.mapped().fault.kind)}});
    if (target.changed) target.changed();
    return true;
}

std::size_t Faults::clear_all() {
    const std::size_t count = live_.size();
    while (!live_.empty())
        clear(std::string(live_.begin()->first));
    return count;
}

json::object Faults::to_json() const {
    json::object out;
    for (const auto& [id, live] : live_)
        out[id] = json::parse(live.words);
    return out;
}

}  // namespace vc::lab
