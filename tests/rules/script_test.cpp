// Runs tests/scripts/*.txt: each file is a story, a list of commands, each followed by "----" and
// the trace that it brings. VC_UPDATE_SCRIPTS=1 in the environment writes the traces anew.
//
//   world [seed=N] [mode=auto|observe] [quorum=no] [loss=X] [chargers=N] [entities=N] [audits=yes]
//   fault COMPONENT KIND[=SHARE] at=T for=T      times count from the story's start
//   vendor green|red|missing
//   audit ready|unfit|unreachable [after=T] [WORDS]   what every audit answers from now on
//   audit lost                                   no audit is answered any more
//   answer STEP VERB OUTCOME [effect]            the hook's next answer (STEP from 1)
//   command pause|resume|ack
//   run T                                        prints the records, good blocks left out
//   status
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "rules/names.h"
#include "tests/rules/world.h"

namespace vc::test {
namespace {

class Story {
  public:
    std::string run(const std::string& line) {
        std::istringstream words(line);
        std::string verb;
        words >> verb;
        std::vector<std::string> args;
        for (std::string word; words >> word;)
            args.push_back(word);
        if (verb == "world") return make(args);
        if (!world_) return "no world yet\n";
        if (verb == "fault") return fault(args);
        if (verb == "answer") return answer(args);
        if (verb == "audit") return audit(args);
        if (verb == "status") return status();
        if (args.empty()) return "what?\n";
        if (verb == "run") {
            world_->run_for(parse_duration(args[0]));
        } else if (verb == "command") {
            world_->command(*from_text<Command>(args[0]));
        } else if (verb == "vendor") {
            world_->vendor(*from_text<VendorClaim>(args[0]));
        } else {
            return "unknown command\n";
        }
        return fresh();
    }

  private:
    static std::string value(const std::vector<std::string>& args, const std::string& key,
                             const std::string& otherwise) {
        for (const std::string& arg : args) {
            if (arg.rfind(key + "=", 0) == 0) return arg.substr(key.size() + 1);
        }
        return otherwise;
    }
    std::string make(const std::vector<std::string>& args) {
        WorldOptions options;
        options.seed = std::stoull(value(args, "seed", "1"));
        options.loss = std::stod(value(args, "loss", "0"));
        options.chargers = static_cast<std::uint32_t>(std::stoul(value(args, "chargers", "8")));
        options.entities = static_cast<std::uint32_t>(std::stoul(value(args, "entities", "1")));
        options.mode = value(args, "mode", "auto") == "auto" ? Mode::automatic : Mode::observe;
        options.single_watcher_accepted = value(args, "quorum", "yes") == "yes";
        options.audits = value(args, "audits", "no") == "yes";
        world_ = std::make_unique<World>(options);
        shown_ = 0;
        return {};
    }
    std::string fault(const std::vector<std::string>& args) {
        const auto component = component_from(args.at(0));
        const std::string kind_text = args.at(1).substr(0, args[1].find('='));
        const auto kind = fault_kind_from(kind_text);
        if (!component || !kind) return "unknown component or kind\n";
        Fault fault;
        fault.component = *component;
        fault.kind = *kind;
        fault.share = std::stod(value(args, kind_text, "1"));
        fault.from = World::start() + parse_duration(value(args, "at", "0s"));
        fault.to = fault.from + parse_duration(value(args, "for", "1000h"));
        world_->add(fault);
        return {};
    }
    std::string answer(const std::vector<std::string>& args) {
        world_->answer(static_cast<std::uint32_t>(std::stoul(args.at(0)) - 1),
                       *from_text<HookVerb>(args.at(1)), *from_text<HookOutcome>(args.at(2)),
                       args.size() > 3);
        return {};
    }
    std::string audit(const std::vector<std::string>& args) {
        StandbyAudit answer;
        if (args.at(0) == "lost") {
            world_->audits_answer(answer, Duration::max());
            return {};
        }
        answer.verdict = *from_text<AuditVerdict>(args[0]);
        std::string words;
        for (std::size_t i = 1; i < args.size(); ++i) {
            if (args[i].rfind("after=", 0) == 0) continue;
            words += (words.empty() ? "" : " ") + args[i];
        }
        if (answer.verdict == AuditVerdict::unfit) answer.unfit = {words};
        if (answer.verdict == AuditVerdict::ready && !words.empty()) answer.told = {words};
        if (answer.verdict == AuditVerdict::unreachable) answer.detail = words;
        world_->audits_answer(answer, parse_duration(value(args, "after", "1s")));
        return {};
    }
    std::string fresh() {
        std::string out;
        const auto& records = world_->records();
        for (; shown_ < records.size(); ++shown_) {
            const auto* block = std::get_if<BlockClosed>(&records[shown_].body);
            if (block != nullptr && !block->bad && !block->blind) continue;
            out += trace_line(records[shown_]) + "\n";
        }
        return out;
    }
    std::string status() {
        const EngineStatus s = world_->status();
        std::string out =
            "score " + std::to_string(s.score) + ", on " + s.active_broker +
            (s.blind ? ", blind" : "") + (s.paused ? ", paused" : "") +
            (s.standby_certified ? ", standby certified" : ", standby not certified") + ", pages " +
            std::to_string(s.pages) + ", migrations " + std::to_string(s.migrations) + "\n";
        if (s.readiness) {
            out += "audits say " + std::string(to_text(s.readiness->standing)) + "\n";
            for (const std::string& difference : s.readiness->unfit)
                out += "  " + difference + "\n";
        }
        if (s.incident) {
            out += "incident " + std::to_string(s.incident->incident.value) + " " +
                   std::string(to_text(s.incident->state)) + " " + s.incident->diagnosis + " " +
                   std::string(to_text(s.incident->decision)) + "\n" + s.incident->why + "\n";
        }
        if (s.migration) out += "migration " + s.migration->state + "\n";
        return out;
    }

    std::unique_ptr<World> world_;
    std::size_t shown_ = 0;
};

// The file with every trace as it is now.
std::string play(const std::filesystem::path& file, std::string& written) {
    std::ifstream in(file);
    std::ostringstream now;
    std::ostringstream was;
    Story story;
    std::string line;
    while (std::getline(in, line)) {
        was << line << "\n";
        now << line << "\n";
        if (line.empty() || line[0] == '#') continue;
        const std::string trace = story.run(line);
        if (trace.empty() && in.peek() != '-') continue;
        now << "----\n" << trace << "\n";
        // Skip the old trace: up to the empty line.
        if (in.peek() != '-') continue;
        while (std::getline(in, line)) {
            was << line << "\n";
            if (line.empty()) break;
        }
    }
    written = was.str();
    return now.str();
}

TEST_CASE("every story in tests/scripts plays as it is written") {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(VC_SCRIPTS)) {
        if (entry.path().extension() == ".txt") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    CHECK(!files.empty());
    for (const auto& file : files) {
        CAPTURE(file.string());
        std::string written;
        const std::string now = play(file, written);
        if (std::getenv("VC_UPDATE_SCRIPTS") != nullptr) std::ofstream(file) << now;
        CHECK(now == (std::getenv("VC_UPDATE_SCRIPTS") != nullptr ? now : written));
    }
}

}  // namespace
}  // namespace vc::test
