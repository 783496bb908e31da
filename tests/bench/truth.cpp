#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cmath>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/bench/broker.h"
#include "tests/bench/prober.h"
#include "tests/e2e/platform.h"

namespace vc::bench {
namespace {

using namespace std::chrono_literals;
using Kinds = std::map<std::string, double>;  // what the lab did to a message -> seconds

constexpr Duration lasts = 45s;

// A queue, what is done to its messages, and the probe that uses it. Attempts follow one another,
// so the n-th to be started is the n-th message of that probe.
struct Lane {
    std::string entity;
    Duration every{};  // no more often than that
    Duration budget{};
    boost::json::object fault;  // empty: none
    std::unique_ptr<Prober> prober;
    std::unique_ptr<boost::asio::steady_timer> next;
    std::vector<Observation> seen;
    bool open = false;
};

class Lanes {
  public:
    Lanes(boost::asio::io_context& io, const Clock& clock) : io_(io), clock_(clock) {}

    Lane& add(std::string entity, Duration every, Duration budget) {
        lanes_.push_back({std::move(entity), every, budget, {}, nullptr, nullptr, {}, false});
        return lanes_.back();
    }
    void connect(const e2e::Platform& platform) {
        std::uint64_t seed = 0;
        for (Lane& lane : lanes_) {
            ProbeSpec spec;
            spec.channel = Channel::DL;
            spec.host = "127.0.0.1";
            spec.port = static_cast<std::uint16_t>(platform.port("primary"));
            spec.entity = lane.entity;
            spec.fresh_entity = lane.entity + "-fresh";
            spec.management = true;
            spec.run = "truth-" + lane.entity;
            spec.budget = lane.budget;
            spec.idle_timeout = 60s;
            spec.seed = ++seed;
            lane.prober = std::make_unique<Prober>(io_, clock_, spec, nullptr);
            lane.next = std::make_unique<boost::asio::steady_timer>(io_);
        }
        // A first attempt of each brings its connections up, before any fault is on.
        run_once();
    }
    void run(Duration span) {
        end_ = clock_.now() + span;
        for (Lane& lane : lanes_)
            start(lane);
        turn();
    }
    void stop() {
        for (Lane& lane : lanes_)
            lane.prober->stop();
    }
    const std::deque<Lane>& all() const { return lanes_; }

  private:
    void run_once() {
        end_ = clock_.now();
        for (Lane& lane : lanes_)
            start(lane);
        turn();
        for (const Lane& lane : lanes_) {
            if (lane.seen.size() != 1 || lane.seen.front().outcome != Outcome::ok) {
                throw std::runtime_error("the probe of " + lane.entity + " does not get through");
            }
        }
    }
    void start(Lane& lane) {
        const Instant begun = clock_.now();
        lane.open = true;
        lane.prober->on_end = [this, &lane, begun](const Observation& seen) {
            lane.seen.push_back(seen);
            lane.open = false;
            const Instant due = std::max(clock_.now(), begun + lane.every);
            if (due >= end_) return;
            lane.open = true;
            lane.next->expires_after(clock_.machine_time_until(due));
            lane.next->async_wait([this, &lane](const boost::system::error_code& error) {
                if (!error) start(lane);
            });
        };
        lane.prober->start(Channel::DL, lane.budget);
    }
    void turn() {
        const auto under_way = [](const Lane& lane) { return lane.open; };
        while (std::any_of(lanes_.begin(), lanes_.end(), under_way))
            io_.run_one();
    }

    boost::asio::io_context& io_;
    Clock clock_;
    std::deque<Lane> lanes_;
    Instant end_{};
};

// entity -> number of the message -> what the lab did to it. The message-id ends with the number.
std::map<std::string, std::map<std::uint64_t, Kinds>> read_fates(
    const std::filesystem::path& file) {
    std::map<std::string, std::map<std::uint64_t, Kinds>> fates;
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        const auto one = boost::json::parse(line);
        const std::string id(one.at("message_id").as_string());
        const auto space = id.rfind(' ');
        if (!id.starts_with("voltcanary truth-") || space == std::string::npos) continue;
        const std::uint64_t number = std::stoull(id.substr(space + 1));
        fates[std::string(one.at("entity").as_string())][number]
             [std::string(one.at("what").as_string())] +=
            one.at("delay_ns").to_number<double>() / 1e9;
    }
    return fates;
}

struct Errors {
    std::vector<double> faulted;  // ms
    std::vector<double> clean;
    std::size_t wrong = 0;  // attempts with another outcome than their message's fate
    std::size_t lost = 0;   // messages that the lab lost
    std::size_t attempts = 0;
    double longest_ms = 0;
};

// An attempt whose message was lost must say so, and no other may.
void account(const Observation& seen, const Kinds& fate, Errors& errors) {
    const bool lost = fate.contains("lost");
    errors.lost += lost ? 1 : 0;
    const bool says_lost = seen.outcome == Outcome::lost;
    const bool arrived = seen.outcome == Outcome::ok || seen.outcome == Outcome::late;
    if (lost ? !says_lost : !arrived) ++errors.wrong;
}

void compare(const Lane& lane, const std::map<std::uint64_t, Kinds>& fates, Errors& errors) {
    std::uint64_t number = 0;
    for (const Observation& seen : lane.seen) {
        static const Kinds none;
        const auto found = fates.find(++number);
        const Kinds& fate = found == fates.end() ? none : found->second;
        if (number == 1) continue;  // brought the connections up
        ++errors.attempts;
        account(seen, fate, errors);
        for (const auto& [what, phase] :
             {std::pair{"settle", Phase::send_settle}, std::pair{"deliver", Phase::send_receive}}) {
            const double reported = phase_ms(seen, phase);
            if (std::isnan(reported)) continue;
            const auto delayed = fate.find(what);
            if (delayed != fate.end()) {
                errors.faulted.push_back(reported - delayed->second * 1e3);
                errors.longest_ms = std::max(errors.longest_ms, delayed->second * 1e3);
            } else if (lane.fault.empty()) {
                errors.clean.push_back(reported);
            }
        }
    }
}

// Delays from a millisecond to ten seconds, on what is sent and on what is delivered; each with a
// queue beside it that is used as often and has no fault. And losses, from one in a thousand.
void fill(Lanes& lanes) {
    int number = 0;
    const auto name = [&number] { return "truth-" + std::to_string(number++); };
    for (const char* kind : {"settle_delay", "deliver_delay"}) {
        for (const double delay : {1, 3, 10, 30, 100, 300, 1000, 3000, 10000}) {
            const Duration every = 200ms;
            lanes.add(name(), every, 12s).fault = {
                {"kind", kind}, {"delay_ms", delay}, {"shape", "fixed"}, {"cap_ms", 10000}};
            lanes.add(name(),
                      std::max<Duration>(every, Duration{static_cast<std::int64_t>(delay * 1e6)}),
                      12s);
        }
        lanes.add(name(), 200ms, 12s).fault = {
            {"kind", kind}, {"delay_ms", 20}, {"shape", "pareto"}, {"cap_ms", 10000}};
        lanes.add(name(), 200ms, 12s);
    }
    for (const auto& [share, every] : {std::pair{0.001, 10ms}, std::pair{0.01, 20ms},
                                       std::pair{0.1, 50ms}, std::pair{0.5, 50ms}}) {
        lanes.add(name(), every, 500ms).fault = {{"kind", "accept_lose"}, {"p", share}};
    }
}

std::string entities_json(const Lanes& lanes) {
    boost::json::array queues;
    for (const Lane& lane : lanes.all()) {
        for (const char* suffix : {"", "-fresh"})
            queues.push_back(boost::json::object{{"name", lane.entity + suffix}});
    }
    return boost::json::serialize(boost::json::object{{"queues", queues}});
}

}  // namespace

void truth(Figures& figures) {
    e2e::TempDir dir;
    boost::asio::io_context io{1};
    const Clock clock;
    Lanes lanes(io, clock);
    fill(lanes);
    const auto fates = dir.path() / "fates.jsonl";
    e2e::write_text(dir.path() / "entities.json", entities_json(lanes));
    e2e::PlatformOptions options;
    options.factor = 1;
    options.chargers = 0;
    options.more = {"--entities", (dir.path() / "entities.json").string(), "--fates",
                    fates.string()};
    Errors errors;
    {
        e2e::Platform platform(dir, options);
        lanes.connect(platform);
        for (const Lane& lane : lanes.all()) {
            if (lane.fault.empty()) continue;
            boost::json::object fault = lane.fault;
            fault["component"] = "primary";
            fault["entity"] = lane.entity;
            platform.inject(fault);
        }
        lanes.run(lasts);
        platform.clear_all();
        lanes.stop();
        platform.process().signal(15);  // its log is whole once it has ended
        platform.process().wait(10s);
    }
    const auto done = read_fates(fates);
    for (const Lane& lane : lanes.all()) {
        const auto found = done.find(lane.entity);
        compare(lane, found == done.end() ? std::map<std::uint64_t, Kinds>{} : found->second,
                errors);
    }
    char how[240];
    std::snprintf(how, sizeof how,
                  "reported minus the delay that the lab realised for that message, %zu delayed "
                  "by up to %.0f ms; p99 %.3f ms",
                  errors.faulted.size(), errors.longest_ms, quantile(errors.faulted, 0.99));
    figures.add("error_p50_ms", quantile(errors.faulted, 0.5), "ms", 0.2, {}, how);
    const double clean = quantile(errors.clean, 0.99);
    std::snprintf(how, sizeof how,
                  "p99 of the error against that of %zu messages without fault, in the same run "
                  "(%.3f ms)",
                  errors.clean.size(), clean);
    figures.add("error_p99_ratio", quantile(errors.faulted, 0.99) / clean, "of no fault", 1.5,
                clean, how);
    std::snprintf(how, sizeof how,
                  "attempts whose outcome is not their message's fate, of %zu; %zu were lost",
                  errors.attempts, errors.lost);
    figures.add("loss_wrong", static_cast<double>(errors.wrong), "attempts", 0.0, {}, how);
}

}  // namespace vc::bench
