// What the core decides by, as plain data with the shipped values. The YAML files in
// rules/defaults/ hold the same values, each line with its reason; they are compiled into the
// binary and can be replaced by files of the operator's own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/base/error.h"
#include "rules/base/yaml.h"
#include "rules/diagnosis/hypothesis.h"
#include "rules/evidence/detector_rules.h"
#include "rules/migration/plan.h"
#include "rules/policy_rules.h"
#include "rules/readiness.h"

namespace vc {

enum class Mode : std::uint8_t {
    observe,    // watch, diagnose, page; never act on the platform
    automatic,  // migrate when every condition holds ("auto" in the configuration)
};

struct Rules {
    Mode mode = Mode::observe;
    bool single_watcher_accepted = false;  // `quorum: single`: a quorum of one, and said so
    DetectorRules detectors;
    std::vector<Hypothesis> hypotheses;
    PolicyRules policy;
    std::vector<MigrationStep> steps;      // empty: no migration can be made
    std::optional<AuditCadence> audits;    // of the standby's readiness; none: not configured
    std::vector<ChannelCadence> cadences;  // what is probed, and how often
};

// The three shipped files, as text.
struct RuleTexts {
    std::string detectors;
    std::string hypotheses;
    std::string policy;
};
RuleTexts shipped_rules();

// Reads the three files' texts into `rules`; `names` are the file names for errors. All errors of
// all files at once, also those of the rules among themselves (a threshold that can never fire, a
// hypothesis no configured channel can see).
void read_rules(const RuleTexts& texts, const RuleTexts& names, Rules& rules, Errors& errors);

}  // namespace vc
