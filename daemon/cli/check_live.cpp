// voltcanary check --live: what the configuration says, tried.
#include "daemon/cli/check_live.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ostream>

#include "daemon/cli/daemon_client.h"

namespace vc {
namespace {

std::string milliseconds(Duration time) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f ms", 1000 * seconds(time));
    return text.data();
}

bool works(const RoundTrip& trip) {
    return trip.trouble.empty() &&
           (trip.seen.outcome == Outcome::ok || trip.seen.outcome == Outcome::late);
}

std::string phases(const Observation& seen) {
    std::string text;
    for (const PhaseTime& phase : seen.phases) {
        text += text.empty() ? "" : ", ";
        text += std::string(to_text(phase.phase)) + " " + milliseconds(phase.took);
    }
    return text;
}

std::string line_of(const RoundTrip& trip) {
    std::string text = "  " + harmless(trip.entity) + ": ";
    if (!trip.trouble.empty()) return text + "NOT TRIED: " + harmless(trip.trouble) + "\n";
    const Observation& seen = trip.seen;
    if (works(trip)) {
        text += std::string(to_text(seen.outcome)) + " in " + milliseconds(seen.latency());
    } else {
        text += "FAILED: " + std::string(to_text(seen.outcome));
        if (seen.failed_phase != Phase::none) {
            text += " in phase " + std::string(to_text(seen.failed_phase));
        }
        text += " after " + milliseconds(seen.latency());
    }
    const std::string parts = phases(seen);
    return text + (parts.empty() ? "" : " (" + parts + ")") + "\n";
}

std::string audit_text(const LiveFindings& findings, const Config& config) {
    if (!config.readiness) {
        return "readiness: not audited, the configuration has no readiness\n";
    }
    if (!findings.audit)
        return "readiness: NOT AUDITED: " + harmless(findings.audit_trouble) + "\n";
    const StandbyAudit& audit = *findings.audit;
    std::string text = "readiness: ";
    switch (audit.verdict) {
        case AuditVerdict::ready:
            text += "the standby has what the primary has";
            break;
        case AuditVerdict::unfit:
            text += "THE STANDBY COULD NOT TAKE OVER";
            break;
        case AuditVerdict::unreachable:
            text += "NOT KNOWN";
            break;
    }
    text += audit.detail.empty() ? "\n" : " (" + harmless(audit.detail) + ")\n";
    for (const std::string& difference : audit.unfit)
        text += "  UNFIT  " + harmless(difference) + "\n";
    for (const std::string& difference : audit.told)
        text += "  differs, no obstacle: " + harmless(difference) + "\n";
    return text;
}

}  // namespace

ExitCode verdict_of(const LiveFindings& findings) {
    if (!std::all_of(findings.trips.begin(), findings.trips.end(), works)) return ExitCode::failed;
    const bool doubt = findings.audit ? findings.audit->verdict != AuditVerdict::ready
                                      : !findings.audit_trouble.empty();
    return doubt ? ExitCode::degraded : ExitCode::ok;
}

std::string text_of(const LiveFindings& findings, const Config& config) {
    std::string text;
    for (const char* broker : {"primary", "standby"}) {
        std::string lines;
        for (const RoundTrip& trip : findings.trips) {
            if (trip.broker == broker) lines += line_of(trip);
        }
        if (lines.empty()) continue;
        const bool first = std::string_view(broker) == "primary";
        text += std::string(broker) + " " + (first ? config.primary : config.standby).url.text +
                ", a round trip over a fresh connection\n" + lines;
    }
    return text + audit_text(findings, config);
}

ExitCode check_live_command(const std::string& config_path, CliContext& context) {
    Errors errors;
    const auto config = load_config(config_path, errors);
    if (!config) {
        print_errors(errors, context);
        return ExitCode::usage;
    }
    LiveWishes wishes;
    const auto daemon = ask_daemon({config->state, config->listen}, "/healthz");
    if (daemon) {
        wishes.round_trips = false;
        context.out << "voltcanary runs with this configuration and uses its queues: see "
                       "`voltcanary status` for its round trips\n";
    }
    const LiveFindings findings = look_live(*config, context.clock, wishes);
    context.out << text_of(findings, *config);
    return verdict_of(findings);
}

}  // namespace vc
