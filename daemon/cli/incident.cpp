// voltcanary incident list, incident show ID: from the journal's file, with or without a daemon.
#include <ostream>

#include "daemon/cli/cli.h"
#include "daemon/cli/incident_text.h"
#include "daemon/journal/reader.h"

namespace vc {
namespace {

ExitCode fail(const Error& error, CliContext& context) {
    context.err << harmless(to_text(error)) << "\n";
    return ExitCode::failed;
}

ExitCode list(JournalReader& journal, bool json, CliContext& context) {
    const auto incidents = journal.incidents();
    if (!incidents) return fail(incidents.error(), context);
    context.out << (json ? incident_list_json(*incidents) : incident_list_text(*incidents));
    return ExitCode::ok;
}

ExitCode show(JournalReader& journal, const IncidentOptions& options, CliContext& context) {
    const auto chain = journal.incident(IncidentId{options.id});
    if (!chain) return fail(chain.error(), context);
    if (!chain->has_value()) {
        context.err << "the journal has no incident " << options.id << "\n";
        return ExitCode::failed;
    }
    context.out << (options.json ? incident_json(**chain) : incident_text(**chain));
    return ExitCode::ok;
}

}  // namespace

ExitCode incident_command(const std::string& config_path, const IncidentOptions& options,
                          CliContext& context) {
    Errors errors;
    const auto place = load_place(config_path, errors);
    if (!place) {
        print_errors(errors, context);
        return ExitCode::usage;
    }
    auto journal = JournalReader::open(place->state);
    if (!journal) return fail(journal.error(), context);
    return options.list ? list(*journal, options.json, context) : show(*journal, options, context);
}

}  // namespace vc
