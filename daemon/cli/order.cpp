// voltcanary pause, resume, ack: orders of an operator to the running daemon.
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <ostream>

#include "daemon/cli/cli.h"
#include "daemon/cli/daemon_client.h"

namespace vc {
namespace {

namespace json = boost::json;

// Who gives the order, for the journal. Not a proof: whoever can type here can also set these.
std::string operator_name() {
    for (const char* variable : {"SUDO_USER", "USER", "LOGNAME"}) {
        const char* value = std::getenv(variable);
        if (value != nullptr && *value != '\0') return value;
    }
    return "unknown";
}

// {"done":"..."} or {"error":"..."}; else the status.
std::string words_of(const HttpResponse& answer) {
    boost::system::error_code error;
    const json::value value = json::parse(answer.body, error);
    if (!error && value.is_object()) {
        for (const char* key : {"done", "error"}) {
            const json::value* words = value.get_object().if_contains(key);
            if (words != nullptr && words->is_string()) {
                return harmless(
                    std::string_view(words->get_string().data(), words->get_string().size()));
            }
        }
    }
    return "HTTP " + std::to_string(answer.status);
}

}  // namespace

ExitCode order_command(const std::string& config_path, const CommandOptions& options,
                       CliContext& context) {
    Errors errors;
    const auto place = load_place(config_path, errors);
    if (!place) {
        print_errors(errors, context);
        return ExitCode::usage;
    }
    json::object order;
    order["command"] = options.command;
    order["by"] = operator_name();
    order["reason"] =
        options.reason.empty() ? options.command + " without a reason given" : options.reason;
    const auto answer = ask_daemon(*place, "/api/command", json::serialize(order));
    if (!answer) {
        context.err << harmless(answer.error().message) << "\n";
        return ExitCode::unknown;
    }
    if (answer->status >= 200 && answer->status < 300) {
        context.out << words_of(*answer) << "\n";
        return ExitCode::ok;
    }
    context.err << options.command << " was refused: " << words_of(*answer) << "\n";
    return answer->status == 409 ? ExitCode::refused : ExitCode::failed;
}

}  // namespace vc
