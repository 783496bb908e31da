// One incident as its journal has it, for people and for programs: from the evidence ids to the
// end, oldest first. Pure; text from hooks and peers is made harmless for a terminal.
#pragma once

#include <string>
#include <vector>

#include "daemon/journal/reader.h"

namespace vc {

std::string incident_list_text(const std::vector<IncidentSummary>& incidents);
std::string incident_list_json(const std::vector<IncidentSummary>& incidents);

std::string incident_text(const IncidentChain& chain);
std::string incident_json(const IncidentChain& chain);

// One record as one line or a few, without its time. Visible for tests.
std::string describe(const Record& record);

}  // namespace vc
