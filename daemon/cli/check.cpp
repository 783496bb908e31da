// voltcanary check: every error at once, or what a run would do.
#include <array>
#include <cstdio>
#include <ostream>

#include "daemon/cli/check.h"
#include "daemon/cli/cli.h"

namespace vc {
namespace {

std::string fixed(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f", value);
    return text.data();
}

std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

std::string row(std::initializer_list<std::string> cells) {
    std::string line = "  ";
    for (const std::string& cell : cells)
        line += padded(cell, 11);
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
}

std::string_view purpose(Channel channel) {
    switch (channel) {
        case Channel::CT:
            return "control targets: tells them from us";
        case Channel::BH:
            return "bridge only: upgrade and ping";
        case Channel::HB:
            return "heartbeat: the full loop";
        case Channel::TX:
            return "start and stop a transaction: the full loop twice";
        case Channel::DL:
            return "primary broker, long-lived connection";
        case Channel::DF:
            return "primary broker, fresh connection";
        case Channel::SL:
            return "standby broker, long-lived connection";
        case Channel::SF:
            return "standby broker, fresh connection";
        case Channel::SC:
            return "full loop through the standby";
        case Channel::DX:
            return "primary broker, from the kept to a fresh connection and back";
        case Channel::SX:
            return "standby broker, from the kept to a fresh connection and back";
        case Channel::DM:
            return "primary broker, management peek";
        case Channel::SM:
            return "standby broker, management peek";
    }
    return "";
}

// What one attempt puts on a broker.
BrokerLoad load_of(Channel channel) {
    switch (channel) {
        case Channel::CT:
        case Channel::BH:
            return {};
        case Channel::HB:  // a full loop is a request and its answer
            return {2, 0, 0};
        case Channel::TX:
            return {4, 0, 0};
        case Channel::SC:
            return {6, 0, 0};
        case Channel::DL:
        case Channel::SL:
            return {1, 0, 0};
        case Channel::DF:  // one to send, one to receive
        case Channel::SF:
            return {1, 2, 0};
        case Channel::DX:
        case Channel::SX:
            return {1, 1, 0};
        case Channel::DM:
        case Channel::SM:
            return {0, 1, 1};
    }
    return {};
}

bool on_standby(Channel channel) {
    return channel == Channel::SL || channel == Channel::SF || channel == Channel::SC ||
           channel == Channel::SX || channel == Channel::SM;
}

std::string identities(const Config& config) {
    std::array<char, 8> last{};
    std::snprintf(last.data(), last.size(), "%04u", config.probe(Channel::HB).targets);
    const std::string& prefix = config.bridge.identity_prefix;
    return prefix + "0001.." + prefix + last.data() + ", " + prefix + "PING; through the standby " +
           config.bridge.standby_identity_prefix + "0001";
}

std::string broker(const BrokerConfig& broker) {
    std::string entities;
    for (const std::string& name : broker.entities)
        entities += (entities.empty() ? "" : ", ") + name;
    return broker.url.text + " (" + entities + ") as " + to_text(broker.auth);
}

std::string words(const BrokerLoad& load) {
    return fixed(load.messages) + " messages/s, " + fixed(load.connections) +
           " new connections/s, " + fixed(load.management) + " management requests/s";
}

std::string readiness(const Config& config) {
    if (!config.readiness) return "of the standby is not audited";
    return "audited every " + to_text(config.rules.audits->every) + ": " +
           config.readiness->primary.url.text + " against " + config.readiness->standby.url.text;
}

std::string steps(const Config& config) {
    std::string text;
    for (const MigrationStep& step : config.rules.steps) {
        text += text.empty() ? "" : " -> ";
        text += step.name;
        if (step.point_of_no_return) text += " (point of no return)";
    }
    return text.empty() ? "none: nothing can be moved" : text;
}

std::string probes(const Config& config) {
    std::string text = row({"probe", "targets", "every", "budget", "attempt/s", "message/s"});
    for (const ChannelCadence& cadence : config.rules.cadences) {
        const double rate = cadence.targets / seconds(cadence.every);
        std::string line =
            row({std::string(to_text(cadence.channel)), std::to_string(cadence.targets),
                 to_text(cadence.every), to_text(cadence.budget), fixed(rate),
                 fixed(rate * load_of(cadence.channel).messages)});
        line.pop_back();
        text += padded(std::move(line), 70) + std::string(purpose(cadence.channel)) + "\n";
    }
    return text;
}

}  // namespace

PlatformLoad load_of(const Config& config) {
    PlatformLoad load;
    for (const ChannelCadence& cadence : config.rules.cadences) {
        const double rate = cadence.targets / seconds(cadence.every);
        const BrokerLoad one = load_of(cadence.channel);
        BrokerLoad& sum = on_standby(cadence.channel) ? load.standby : load.primary;
        sum.messages += rate * one.messages;
        sum.connections += rate * one.connections;
        sum.management += rate * one.management;
    }
    return load;
}

std::string quorum_notice(const Config& config) {
    if (config.rules.mode == Mode::observe) {
        return "quorum of one: a single watcher; it moves nothing in mode observe";
    }
    if (config.rules.single_watcher_accepted) {
        return "QUORUM OF ONE: this watcher moves the platform on its own view alone; nobody can "
               "outvote it";
    }
    return "QUORUM OF ONE, NOT ACCEPTED: mode is auto, and every move will be refused "
           "(quorum_not_accepted) until `quorum: single` stands in the configuration";
}

std::string summary_of(const Config& config) {
    const auto line = [](const char* name, const std::string& value) {
        return padded(name, 12) + value + "\n";
    };
    const PlatformLoad load = load_of(config);
    std::string controls;
    for (const Url& url : config.control)
        controls += (controls.empty() ? "" : ", ") + url.text;
    std::string text = quorum_notice(config) + "\n\n";
    text += line("mode", config.rules.mode == Mode::automatic
                             ? "auto: moves the platform when every condition holds"
                             : "observe: watches, diagnoses, pages; moves nothing");
    text += line("bridge", config.bridge.url.text);
    text += line("chargers", identities(config));
    text += line("primary", broker(config.primary));
    text += line("standby", broker(config.standby));
    text += line("control", controls);
    for (const GaugeConfig& gauge : config.gauges)
        text += line("gauge", gauge.name + ": " + to_text(gauge));
    if (config.gauges.empty()) text += line("gauges", "none: nobody else is asked");
    text += line("readiness", readiness(config));
    text += line("migration", steps(config));
    text += line("pages", "to " + std::to_string(config.notify.size()) +
                              (config.notify.size() == 1 ? " place" : " places"));
    text += line("journal", config.state + ", kept " + to_text(config.retention));
    text += line("listens on", to_text(config.listen));
    text += "\n" + probes(config) + "\n";
    text += line("load", words(load.primary) + " on the active broker");
    text += line("", words(load.standby) + " on the standby");
    text += line("",
                 "and, only while messages are missed, a look for them every 30 s per entity, or "
                 "every budget");
    return text;
}

ExitCode check_command(const std::string& config_path, CliContext& context) {
    Errors errors;
    const auto config = load_config(config_path, errors);
    if (!config) {
        print_errors(errors, context);
        context.err << errors.size() << (errors.size() == 1 ? " error" : " errors") << "\n";
        return ExitCode::usage;
    }
    for (const Error& warning : config->warnings)
        context.err << "warning: " << harmless(to_text(warning)) << "\n";
    context.out << config_path << " is good\n\n" << summary_of(*config);
    return ExitCode::ok;
}

}  // namespace vc
