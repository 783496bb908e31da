#include "daemon/cli/cli.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <ostream>

namespace vc {
namespace {

struct Parsed {
    std::string config = "/etc/voltcanary/voltcanary.yaml";
    bool json = false;
    bool live = false;
    CommandOptions order;
    IncidentOptions incident;
    std::function<int(CliContext&)> chosen;
};

int number(ExitCode code) {
    return static_cast<int>(code);
}

CLI::App* add(CLI::App& app, Parsed& parsed, const char* name, const char* words) {
    CLI::App* sub = app.add_subcommand(name, words);
    sub->add_option("--config", parsed.config, "configuration file")->capture_default_str();
    return sub;
}

void add_orders(CLI::App& app, Parsed& parsed) {
    struct Order {
        const char* name;
        const char* words;
        bool reason_required;
    };
    for (const Order& order :
         {Order{"pause", "keep watching, but move nothing until `resume`", true},
          Order{"resume", "end a pause", false},
          Order{"ack", "say that the open incident is understood; ends its probation or quarantine",
                true}}) {
        CLI::App* sub = add(app, parsed, order.name, order.words);
        sub->add_option("--reason", parsed.order.reason, "goes into the journal with your name")
            ->required(order.reason_required);
        const std::string name = order.name;
        sub->callback([&parsed, name] {
            parsed.order.command = name;
            parsed.chosen = [&parsed](CliContext& context) {
                return number(order_command(parsed.config, parsed.order, context));
            };
        });
    }
}

void add_incident(CLI::App& app, Parsed& parsed) {
    CLI::App* incident =
        app.add_subcommand("incident", "what happened, from the journal; the daemon may be dead");
    incident->require_subcommand(1);
    const auto choose = [&parsed](bool list) {
        parsed.incident.list = list;
        parsed.incident.json = parsed.json;
        parsed.chosen = [&parsed](CliContext& context) {
            return number(incident_command(parsed.config, parsed.incident, context));
        };
    };
    CLI::App* list = add(*incident, parsed, "list", "all incidents that are kept, newest first");
    list->add_flag("--json", parsed.json, "as JSON");
    list->callback([choose] { choose(true); });
    CLI::App* show = add(*incident, parsed, "show", "one incident, from its evidence to its end");
    show->add_option("ID", parsed.incident.id, "its number")->required();
    show->add_flag("--json", parsed.json, "as JSON");
    show->callback([choose] { choose(false); });
}

void add_all(CLI::App& app, Parsed& parsed) {
    add(app, parsed, "run", "run the daemon")->callback([&parsed] {
        parsed.chosen = [&parsed](CliContext& context) {
            return run_command(parsed.config, context);
        };
    });
    CLI::App* check =
        add(app, parsed, "check", "say what is wrong with a configuration, or what it would do");
    check->add_flag("--live", parsed.live,
                    "try it: a round trip to each queue, and whether the standby could take over");
    check->callback([&parsed] {
        parsed.chosen = [&parsed](CliContext& context) {
            return number(parsed.live ? check_live_command(parsed.config, context)
                                      : check_command(parsed.config, context));
        };
    });
    CLI::App* status = add(app, parsed, "status", "what the running daemon sees now");
    status->add_flag("--json", parsed.json, "all of it, as JSON");
    status->callback([&parsed] {
        parsed.chosen = [&parsed](CliContext& context) {
            return number(status_command(parsed.config, parsed.json, context));
        };
    });
    add_incident(app, parsed);
    add_orders(app, parsed);
    app.add_subcommand("version", "print the version")->callback([&parsed] {
        parsed.chosen = [](CliContext& context) { return number(version_command(context)); };
    });
}

}  // namespace

int run_cli(int argc, const char* const* argv, CliContext& context) {
    CLI::App app("virtual chargers, and a watchdog for the message broker behind them",
                 "voltcanary");
    app.require_subcommand(1);
    app.footer(
        "exit status: 0 ok, 1 failed, 2 usage or configuration, 3 degraded, 4 refused by a rule,\n"
        "5 no quorum, 6 in progress, 7 unknown");
    Parsed parsed;
    add_all(app, parsed);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int status = app.exit(error, context.out, context.err);
        return status == 0 ? number(ExitCode::ok) : number(ExitCode::usage);
    }
    return parsed.chosen(context);
}

void print_errors(const Errors& errors, CliContext& context) {
    for (const Error& error : errors)
        context.err << harmless(to_text(error)) << "\n";
}

std::string harmless(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7F ? '?' : c;
    }
    return out;
}

}  // namespace vc
