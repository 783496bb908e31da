#include "tests/lab/faults.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>

namespace vc::lab {
namespace {

namespace json = boost::json;

constexpr std::array kinds = {FaultKind::Delay,  FaultKind::Stall,      FaultKind::Drop,
                              FaultKind::Refuse, FaultKind::AcceptLose, FaultKind::Cut};

bool meets(FaultDir fault, FaultDir asked) {
    return fault == FaultDir::Both || asked == FaultDir::Both || fault == asked;
}

// Takes the keys it knows out of a request, so that what is left over is an error.
class Reader {
  public:
    explicit Reader(json::object fields) : fields_(std::move(fields)) {}

    std::string text(const char* key, const std::string& fallback) {
        const json::value* value = take(key);
        if (value == nullptr) return fallback;
        if (!value->is_string()) return wrong(key, "a string"), fallback;
        return std::string(value->as_string());
    }
    bool flag(const char* key) {
        const json::value* value = take(key);
        if (value == nullptr) return false;
        if (!value->is_bool()) return wrong(key, "true or false"), false;
        return value->as_bool();
    }
    double number(const char* key, double fallback, double least, double most) {
        const json::value* value = take(key);
        if (value == nullptr) return fallback;
        if (!value->is_number()) return wrong(key, "a number"), fallback;
        const double read = value->to_number<double>();
        if (!(read >= least && read <= most)) {
            char words[96];
            std::snprintf(words, sizeof words, "a number from %g to %g", least, most);
            return wrong(key, words), fallback;
        }
        return read;
    }
    Duration time(const char* key, double fallback, double unit_ns) {
        return Duration{static_cast<std::int64_t>(number(key, fallback, 0, 1e9) * unit_ns)};
    }
    void wrong(const std::string& key, const std::string& words) {
        if (error_.empty()) error_ = key + ": must be " + words;
    }
    std::string error() const {
        if (!error_.empty() || fields_.empty()) return error_;
        return "unknown key '" + std::string(fields_.begin()->key()) + "'";
    }

  private:
    const json::value* take(const char* key) {
        const auto found = fields_.find(key);
        if (found == fields_.end()) return nullptr;
        taken_ = std::move(found->value());
        fields_.erase(found);
        return &taken_;
    }
    json::object fields_;
    json::value taken_;
    std::string error_;
};

Fault read_fault(FaultKind kind, Reader& in) {
    constexpr double ms = 1e6;
    constexpr double s = 1e9;
    Fault fault;
    fault.kind = kind;
    fault.length = in.time("for_s", 0, s);
    const bool of_messages =
        kind == FaultKind::Delay || kind == FaultKind::Stall || kind == FaultKind::AcceptLose;
    if (of_messages || kind == FaultKind::Refuse) fault.p = in.number("p", 1, 0, 1);
    if (kind == FaultKind::Delay || kind == FaultKind::Stall) {
        const std::string dir = in.text("dir", "both");
        fault.dir = dir == "in" ? FaultDir::In : dir == "out" ? FaultDir::Out : FaultDir::Both;
        if (dir != "in" && dir != "out" && dir != "both") in.wrong("dir", "in, out or both");
    }
    if (kind == FaultKind::Delay) {
        fault.scale = in.time("scale_ms", 500, ms);
        fault.alpha = in.number("alpha", 1.5, 0.1, 100);
        fault.cap = in.time("cap_ms", 30000, ms);
    }
    if (kind == FaultKind::Stall) fault.new_connections = in.flag("new_connections");
    if (kind == FaultKind::Drop) {
        fault.share = in.number("share", 1, 0, 1);
        fault.every = in.time("every_s", 0, s);
        const std::string mode = in.text("mode", "rst");
        fault.forced = mode == "forced";
        if (mode != "rst" && mode != "forced") in.wrong("mode", "rst or forced");
    }
    return fault;
}

}  // namespace

const char* to_text(FaultKind kind) {
    switch (kind) {
        case FaultKind::Delay:
            return "delay";
        case FaultKind::Stall:
            return "stall";
        case FaultKind::Drop:
            return "drop";
        case FaultKind::Refuse:
            return "refuse";
        case FaultKind::AcceptLose:
            return "accept_lose";
        case FaultKind::Cut:
            return "cut";
    }
    return "?";
}

Duration FaultState::delay(FaultDir dir) {
    Duration sum{};
    for (const auto& [id, fault] : faults_) {
        if (fault.kind != FaultKind::Delay || !meets(fault.dir, dir)) continue;
        if (!random_.chance(fault.p)) continue;
        sum += random_.pareto(fault.scale, fault.alpha, fault.cap);
    }
    return sum;
}

bool FaultState::stalls(FaultDir dir) {
    return std::any_of(faults_.begin(), faults_.end(), [&](const auto& entry) {
        const Fault& fault = entry.second;
        return fault.kind == FaultKind::Stall && meets(fault.dir, dir) && random_.chance(fault.p);
    });
}

bool FaultState::stalled(FaultDir dir) const {
    return std::any_of(faults_.begin(), faults_.end(), [&](const auto& entry) {
        const Fault& fault = entry.second;
        return fault.kind == FaultKind::Stall && meets(fault.dir, dir) && fault.p >= 1;
    });
}

bool FaultState::any_stall(FaultDir dir) const {
    return std::any_of(faults_.begin(), faults_.end(), [&](const auto& entry) {
        return entry.second.kind == FaultKind::Stall && meets(entry.second.dir, dir);
    });
}

bool FaultState::stalls_connections() const {
    return std::any_of(faults_.begin(), faults_.end(), [](const auto& entry) {
        return entry.second.kind == FaultKind::Stall && entry.second.new_connections;
    });
}

bool FaultState::refuses_all() const {
    return std::any_of(faults_.begin(), faults_.end(), [](const auto& entry) {
        return entry.second.kind == FaultKind::Refuse && entry.second.p >= 1;
    });
}

bool FaultState::refuses() {
    return std::any_of(faults_.begin(), faults_.end(), [&](const auto& entry) {
        return entry.second.kind == FaultKind::Refuse && random_.chance(entry.second.p);
    });
}

bool FaultState::loses() {
    return std::any_of(faults_.begin(), faults_.end(), [&](const auto& entry) {
        return entry.second.kind == FaultKind::AcceptLose && random_.chance(entry.second.p);
    });
}

bool FaultState::cut() const {
    return std::any_of(faults_.begin(), faults_.end(),
                       [](const auto& entry) { return entry.second.kind == FaultKind::Cut; });
}

void Faults::add(FaultTarget target) {
    const std::string name = target.state->component();
    targets_.emplace(name, std::move(target));
}

Result<std::string> Faults::inject(const json::object& request) {
    Reader in(request);
    const std::string component = in.text("component", "");
    const auto target = targets_.find(component);
    if (target == targets_.end()) return failure("component: '" + component + "' is not known");
    const std::string name = in.text("kind", "");
    const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                   [&](FaultKind one) { return name == to_text(one); });
    const auto& can = target->second.kinds;
    if (kind == kinds.end() || std::find(can.begin(), can.end(), *kind) == can.end()) {
        std::string words = "kind: " + component + " can have";
        for (const FaultKind one : can)
            words += std::string(" ") + to_text(one);
        return failure(words + ", not '" + name + "'");
    }
    const Fault fault = read_fault(*kind, in);
    if (const std::string error = in.error(); !error.empty()) return failure(error);

    const std::string id = "f" + std::to_string(next_++);
    const auto live =
        live_.emplace(id, Live{&target->second, fault, json::serialize(request), {}, {}});
    json::object line = request;
    line["id"] = id;
    truth_.add("inject", std::move(line));
    FaultState& state = *target->second.state;
    state.faults_.emplace(id, fault);
    if (fault.length > Duration::zero()) {
        live.first->second.end = agenda_.after(fault.length, [this, id] { clear(id); });
    }
    if (fault.kind == FaultKind::Drop) {
        drop(id);
    } else if (target->second.changed) {
        target->second.changed();
    }
    return id;
}

void Faults::drop(const std::string& id) {
    Live& live = live_.at(id);
    const int hit = live.target->dropped(live.fault);
    truth_.add("drop",
               {{"id", id}, {"component", live.target->state->component()}, {"connections", hit}});
    if (live.fault.every > Duration::zero()) {
        live.repeat = agenda_.after(live.fault.every, [this, id] { drop(id); });
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
