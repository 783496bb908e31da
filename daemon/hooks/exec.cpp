#include "daemon/hooks/exec.h"

#include <utility>

#include "daemon/host/process.h"

namespace vc {
namespace {

constexpr std::size_t detail_limit = 300;

HookOutcome outcome_of(int status) {
    switch (status) {
        case 0:
            return HookOutcome::done;
        case 10:
            return HookOutcome::already_done;
        case 20:
            return HookOutcome::refused;
        case 75:
            return HookOutcome::transient;
        default:
            return HookOutcome::failed;
    }
}

// "exit 3: consumer group is busy"
std::string describe(const ProcessEnd& end, const std::vector<std::string>& secrets) {
    std::string words;
    switch (end.how) {
        case ProcessEnd::How::exited:
            words = "exit " + std::to_string(end.code);
            break;
        case ProcessEnd::How::killed:
            words = "killed by signal " + std::to_string(end.code);
            break;
        case ProcessEnd::How::timed_out:
            words = "killed at its deadline";
            break;
    }
    const std::string said = one_line(end.output, detail_limit, secrets);
    return said.empty() ? words : words + ": " + said;
}

}  // namespace

std::vector<std::string> exec_environment(const ExecCommand& command,
                                          const std::vector<HookFact>& facts) {
    std::map<std::string, std::string> values{
        {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        {"LANG", "C.UTF-8"}};
    for (const auto& [name, value] : command.environment)
        values[name] = value;
    for (const std::string& told : to_environment(facts)) {
        const auto equals = told.find('=');
        values[told.substr(0, equals)] = told.substr(equals + 1);
    }
    std::vector<std::string> environment;
    for (const auto& [name, value] : values)
        environment.push_back(name + "=" + value);
    return environment;
}

boost::asio::awaitable<HookResult> run_exec(ExecCommand command, std::vector<HookFact> facts,
                                            Instant deadline, Clock clock) {
    ProcessRequest request;
    request.environment = exec_environment(command, facts);
    request.argv = std::move(command.argv);
    request.deadline = deadline;
    const auto end = co_await run_process(std::move(request), clock);
    HookResult result;
    if (!end) {
        result.detail = end.error().message;
        co_return result;
    }
    std::vector<std::string> secrets;
    for (const auto& [name, value] : command.environment)
        secrets.push_back(value);
    result.detail = describe(*end, secrets);
    if (end->how == ProcessEnd::How::exited) result.outcome = outcome_of(end->code);
    if (end->how == ProcessEnd::How::timed_out) result.outcome = HookOutcome::timed_out;
    co_return result;
}

}  // namespace vc
