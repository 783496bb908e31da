#include "tests/lab/fault_request.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>

namespace vc::lab {
namespace {

namespace json = boost::json;

constexpr double ms = 1e6;
constexpr double s = 1e9;

constexpr std::array kinds = {
    FaultKind::Delay,         FaultKind::Stall,        FaultKind::Drop,
    FaultKind::Refuse,        FaultKind::AcceptLose,   FaultKind::Cut,
    FaultKind::SettleDelay,   FaultKind::SettleStall,  FaultKind::PeriodicStall,
    FaultKind::DeliverDelay,  FaultKind::DeliverStall, FaultKind::SilentReceiver,
    FaultKind::CreditStarve,  FaultKind::Duplicate,    FaultKind::Reorder,
    FaultKind::ServerBusy,    FaultKind::Throttle,     FaultKind::EntitySick,
    FaultKind::CountsZero,    FaultKind::MgmtSlow,     FaultKind::ManagementDown,
    FaultKind::Freeze,        FaultKind::SaslStall,    FaultKind::HeartbeatOnly,
    FaultKind::AcceptBacklog, FaultKind::OpenStall,    FaultKind::TlsStall,
    FaultKind::CbsStall,      FaultKind::Cbs401,       FaultKind::AttachStall,
    FaultKind::Certificate};

template <class T>
using Words = std::initializer_list<std::pair<const char*, T>>;

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
    template <class T>
    T word(const char* key, const char* fallback, Words<T> known) {
        const std::string given = text(key, fallback);
        std::string all;
        for (const auto& [name, value] : known) {
            if (given == name) return value;
            const bool last = name == std::data(known)[known.size() - 1].first;
            all += all.empty() ? name : (last ? " or " : ", ") + std::string(name);
        }
        wrong(key, all);
        return known.begin()->second;
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

const char* usual_role(FaultKind kind) {
    switch (kind) {
        case FaultKind::SettleDelay:
        case FaultKind::SettleStall:
        case FaultKind::PeriodicStall:
        case FaultKind::CreditStarve:
            return "send";
        default:
            return "any";
    }
}

void read_narrowing(Fault& fault, Reader& in) {
    fault.entity = in.text("entity", "");
    fault.role = in.word<FaultRole>("role", usual_role(fault.kind),
                                    {{"any", FaultRole::Any},
                                     {"send", FaultRole::Send},
                                     {"receive", FaultRole::Receive},
                                     {"management", FaultRole::Management},
                                     {"cbs", FaultRole::Cbs}});
    const bool silent = fault.kind == FaultKind::SilentReceiver;
    fault.only = in.word<FaultOnly>(
        "only", silent ? "existing" : "all",
        {{"all", FaultOnly::All}, {"new", FaultOnly::New}, {"existing", FaultOnly::Existing}});
    fault.ramp = in.time("ramp_s", 0, s);
}

void read_delay(Fault& fault, Reader& in, double usual_ms, const char* usual_shape) {
    fault.shape = in.word<DelayShape>("shape", usual_shape,
                                      {{"fixed", DelayShape::Fixed},
                                       {"lognormal", DelayShape::Lognormal},
                                       {"pareto", DelayShape::Pareto}});
    fault.scale = in.time("delay_ms", usual_ms, ms);
    fault.alpha = in.number("alpha", 1.5, 0.1, 100);
    fault.sigma = in.number("sigma", 1, 0, 10);
    fault.cap = in.time("cap_ms", 60000, ms);
    fault.capacity = in.number("capacity_per_s", 0, 0, 1e9);
}

void read_drop(Fault& fault, Reader& in, bool narrows) {
    fault.share = in.number("share", 1, 0, 1);
    fault.every = in.time("every_s", 0, s);
    if (!narrows) {
        fault.mode = in.word<DropMode>("mode", "rst",
                                       {{"rst", DropMode::Rst}, {"forced", DropMode::Forced}});
        return;
    }
    fault.mode = in.word<DropMode>("mode", "rst",
                                   {{"rst", DropMode::Rst},
                                    {"fin", DropMode::Fin},
                                    {"forced", DropMode::Forced},
                                    {"detach", DropMode::Detach}});
    fault.doubles = in.time("doubles_s", 0, s);
    if (fault.doubles > Duration{} && fault.every <= Duration{}) {
        in.wrong("every_s", "given, as the mean time at first");
    }
}

void read_own(Fault& fault, Reader& in, bool narrows) {
    switch (fault.kind) {
        case FaultKind::Delay:
            fault.scale = in.time("scale_ms", 500, ms);
            fault.alpha = in.number("alpha", 1.5, 0.1, 100);
            fault.cap = in.time("cap_ms", 30000, ms);
            break;
        case FaultKind::Stall:
            fault.new_connections = in.flag("new_connections");
            break;
        case FaultKind::Drop:
            read_drop(fault, in, narrows);
            break;
        case FaultKind::SettleDelay:
            fault.dir = FaultDir::In;
            read_delay(fault, in, 500, "fixed");
            break;
        case FaultKind::DeliverDelay:
            fault.dir = FaultDir::Out;
            read_delay(fault, in, 500, "fixed");
            break;
        case FaultKind::EntitySick:
            read_delay(fault, in, 5000, "lognormal");
            if (fault.entity.empty()) in.wrong("entity", "given");
            break;
        case FaultKind::MgmtSlow:
            read_delay(fault, in, 5000, "fixed");
            break;
        case FaultKind::PeriodicStall:
            fault.dir = FaultDir::In;
            fault.every =
                Duration{static_cast<std::int64_t>(in.number("every_s", 300, 0.001, 1e6) * s)};
            fault.pause = in.time("pause_s", 5, s);
            break;
        case FaultKind::Certificate:
            fault.face = in.word<TlsFace>(
                "show", "expired",
                {{"expired", TlsFace::Expired}, {"wrong_host", TlsFace::WrongHost}});
            break;
        case FaultKind::Throttle:
            fault.credits = in.number("credits_per_s", 1000, 0.001, 1e9);
            fault.hidden = in.flag("hidden");
            break;
        default:
            break;
    }
}

}  // namespace

std::optional<FaultKind> fault_kind(std::string_view name) {
    const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                   [&](FaultKind one) { return name == to_text(one); });
    return kind == kinds.end() ? std::nullopt : std::optional(*kind);
}

Result<Fault> read_fault(FaultKind kind, json::object request, bool narrows) {
    Reader in(std::move(request));
    Fault fault;
    fault.kind = kind;
    fault.length = in.time("for_s", 0, s);
    if (narrows) read_narrowing(fault, in);
    const bool whole =
        kind == FaultKind::Drop || kind == FaultKind::Cut || kind == FaultKind::Certificate;
    if (!whole) fault.p = in.number("p", 1, 0, 1);
    if (kind == FaultKind::Delay || kind == FaultKind::Stall) {
        fault.dir = in.word<FaultDir>(
            "dir", "both",
            {{"in", FaultDir::In}, {"out", FaultDir::Out}, {"both", FaultDir::Both}});
    }
    read_own(fault, in, narrows);
    if (const std::string error = in.error(); !error.empty()) return failure(error);
    return fault;
}

}  // namespace vc::lab
