// voltcanary-demo: plays the incident of 18-21 March on real sockets, shows it, and reports what
// was measured. The faults are played by another process; this one only looks.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "tests/demo/json_text.h"
#include "tests/demo/report.h"
#include "tests/demo/screen.h"
#include "tests/e2e/platform.h"
#include "tests/e2e/watcher.h"

namespace vc::demo {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct Options {
    std::filesystem::path out = "build/demo";
    double factor = 25;
};

struct Act {
    std::string title;
    std::string timeline;  // file beside this one
    bool automatic = true;
};

e2e::PlatformOptions platform_for(const Options& options) {
    e2e::PlatformOptions platform;
    platform.factor = options.factor;
    platform.chargers = 20;
    platform.seed = 318;
    return platform;
}

e2e::WatcherOptions options_for(const Act& act) {
    e2e::WatcherOptions options;
    options.automatic = act.automatic;
    return options;
}

json::array lines_of(const std::filesystem::path& file) {
    json::array lines;
    std::istringstream in(e2e::read_text(file));
    for (std::string one; std::getline(in, one);)
        lines.push_back(json::parse(one));
    return lines;
}

// The platform, the daemon and whatever plays the faults, for one act.
class Stage {
  public:
    Stage(const Act& act, const Options& options)
        : act_(act),
          platform_(dir_, platform_for(options)),
          watcher_(dir_, platform_, options_for(act)),
          start_(platform_.clock().now()),
          terminal_(isatty(STDOUT_FILENO) == 1) {}

    // The standby has to be certified before anything breaks: the calm before the 18th.
    void wait_for_calm() {
        const bool certified =
            watch_until(minutes(8), [this] { return watcher_.standby_certified(); });
        if (!certified) throw std::runtime_error("the standby was not certified in 8 minutes");
    }

    void play() {
        player_ = std::make_unique<e2e::Child>(
            std::vector<std::string>{e2e::binary("voltcanary-lab"), "play", "--port",
                                     std::to_string(platform_.port("control")), act_.timeline},
            std::map<std::string, std::string>{}, dir_.path() / "play.log");
    }

    Instant now() const { return platform_.clock().now(); }
    bool playing() { return player_ && player_->running(); }

    // Shows what goes on until `met`, or `within` (rules' time) has passed.
    bool watch_until(Duration within, const std::function<bool()>& met) {
        return e2e::eventually(platform_.clock(), within, [&] {
            look();
            return met();
        });
    }

    Measured measure() {
        Measured measured;
        player_.reset();
        platform_.clear_all();
        measured.load = platform_.get("/load").as_object();
        measured.ledger = platform_.settled_ledger();
        measured.truth = lines_of(dir_.path() / "truth.jsonl");
        measured.pages = platform_.get("/pages").as_array().size();
        measured.incident = watcher_.incident(1);
        status_ = watcher_.status();
        measured.migrations = status_.at("migrations").to_number<std::int64_t>();
        show(true);
        const auto code = watcher_.stop();
        if (code != 0)
            throw std::runtime_error("the daemon did not stop cleanly: " +
                                     watcher_.process().log_text());
        return measured;
    }

    const json::object& status() const { return status_; }
    std::string incident_state() const {
        const json::value& incident = status_.at("incident");
        if (incident.is_null()) return "none";
        const std::string id = text(incident.at("id"));
        return text(incident.at("state")) + (id == "1" ? "" : " (incident " + id + ")");
    }
    // What the act leaves behind: configuration, journal, logs, the lab's truth.
    void keep_in(const std::filesystem::path& folder) const {
        std::filesystem::remove_all(folder);
        std::filesystem::copy(dir_.path(), folder, std::filesystem::copy_options::recursive);
    }

  private:
    void look() {
        status_ = watcher_.status();
        show(false);
    }

    std::string faults_now() const {
        std::string words;
        const json::object faults = platform_.get("/faults").as_object();
        for (const auto& entry : faults) {
            const json::object& fault = entry.value().as_object();
            words += (words.empty() ? "" : ", ") + text(fault.at("component")) + " " +
                     text(fault.at("kind"));
        }
        return words;
    }

    // A terminal is drawn anew each time; anything else gets a line every half minute of the rules.
    void show(bool last) {
        const Duration now = platform_.clock().now() - start_;
        if (!terminal_ && !last && now < next_line_) return;
        next_line_ = now + seconds(30);
        Snapshot snapshot{act_.title,
                          now,
                          platform_.clock().factor(),
                          status_,
                          platform_.get("/ledger?grace_s=30").as_object(),
                          platform_.get("/load").as_object(),
                          faults_now()};
        if (!terminal_) {
            std::printf("%s\n", line(snapshot).c_str());
        } else {
            std::printf("\x1b[H");
            for (const std::string& one : picture(snapshot))
                std::printf("%s\x1b[K\n", one.c_str());
            std::printf("\x1b[J");
        }
        std::fflush(stdout);
    }

    Act act_;
    e2e::TempDir dir_;
    e2e::Platform platform_;
    e2e::Watcher watcher_;
    Instant start_;
    bool terminal_;
    std::unique_ptr<e2e::Child> player_;
    json::object status_;
    Duration next_line_{};
};

Measured play_act1(const Options& options) {
    Stage stage({"act 1 of 2: 18 and 19 March, mode auto", VC_DEMO_DIR "/act1.jsonl", true},
                options);
    stage.wait_for_calm();
    stage.play();
    // The move, and then until the timeline has ended: the old broker comes back by itself.
    stage.watch_until(minutes(30), [&] {
        const json::value& migration = stage.status().at("migration");
        const bool moved = !migration.is_null() && text(migration.at("state")) == "verified";
        return moved && !stage.playing();
    });
    Measured measured = stage.measure();
    stage.keep_in(options.out / "act1");
    return measured;
}

ObservedAct play_act2(const Options& options) {
    Stage stage({"act 2 of 2: 20 and 21 March, mode observe", VC_DEMO_DIR "/act2.jsonl", false},
                options);
    stage.wait_for_calm();
    stage.play();
    ObservedAct act;
    const auto note = [&] {
        const std::string state = stage.incident_state();
        const bool begun = !act.states.empty();
        if (!begun && state != "confirmed") return;
        if (!begun || act.states.back() != state) act.states.push_back(state);
        const bool missing = text(stage.status().at("vendor")) == "missing";
        if (act.states.size() <= 2) act.vendor_went_missing |= missing;
    };
    // Until the relapse has been seen; a relapse that nobody sees in eight minutes is a failure.
    std::optional<Instant> played;
    stage.watch_until(minutes(40), [&] {
        note();
        if (!stage.playing() && !played) played = stage.now();
        return act.states.size() >= 3 || (played && stage.now() - *played > minutes(8));
    });
    act.measured = stage.measure();
    stage.keep_in(options.out / "act2");
    return act;
}

Options options_of(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; i += 2) {
        const std::string name = argv[i];
        if (name == "--out" && i + 1 < argc) {
            options.out = argv[i + 1];
        } else if (name == "--factor" && i + 1 < argc) {
            options.factor = std::atof(argv[i + 1]);
        } else {
            throw std::runtime_error("usage: voltcanary-demo [--out DIR] [--factor N]");
        }
    }
    if (!(options.factor >= 1 && options.factor <= 60)) {
        throw std::runtime_error("--factor: from 1 to 60");
    }
    return options;
}

std::string where(const Options& options) {
    return "Journals, logs and the lab's ground truth are in " + options.out.string() + ".\n";
}

int run(const Options& options) {
    std::filesystem::create_directories(options.out);
    std::filesystem::remove(options.out / "report.json");
    const Measured act1 = play_act1(options);
    const ObservedAct act2 = play_act2(options);
    const json::object found = report(act1, act2, options.factor);
    e2e::write_text(options.out / "report.json", json::serialize(found) + "\n");
    std::printf("%s%s", report_text(found).c_str(), where(options).c_str());
    const std::string failure = failure_of(found);
    if (!failure.empty()) {
        std::printf("The demo FAILED: %s.\n", failure.c_str());
        return 1;
    }
    return 0;
}

}  // namespace
}  // namespace vc::demo

int main(int argc, char** argv) {
    try {
        return vc::demo::run(vc::demo::options_of(argc, argv));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "voltcanary-demo: %s\n", error.what());
        return 2;
    }
}
