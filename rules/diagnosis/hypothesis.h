// Hypotheses as data: if this is what is broken, which channels fail. The catalogue is
// rules/defaults/hypotheses.yaml; nothing here knows a particular one by heart, but that one row
// must be called "healthy" and one "unknown".
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "rules/base/error.h"
#include "rules/evidence/detector_rules.h"
#include "rules/observation.h"

namespace vc {

// What helps, at most.
enum class Remedy : std::uint8_t { migrate, hold, page, suppress, none };
std::string_view to_text(Remedy remedy);

enum class Expectation : std::uint8_t {
    good,  // only background loss
    bad,   // fails at the fault's rate
    any,   // may or may not be hit: says nothing for or against
};
std::string_view to_text(Expectation expectation);

struct Hypothesis {
    std::string name;     // of the diagnosis; several rows may share it
    std::string variant;  // tells rows of one name apart; may be empty
    double prior = 0;     // given that a minute was bad; relative to the other rows
    Remedy remedy = Remedy::page;
    std::array<Expectation, all_channels.size()> expects{};  // by Channel; good unless said
    std::string text;                                        // one clause for a person
    SourcePos pos;                                           // where the row stands, for errors

    Expectation of(Channel channel) const { return expects[static_cast<std::size_t>(channel)]; }
    friend bool operator==(const Hypothesis&, const Hypothesis&) = default;
};

// "primary_broker" or "primary_broker (new connections)".
std::string full_name(const Hypothesis& hypothesis);

// What a catalogue must hold whatever is probed: a healthy and an unknown row, priors, unique
// names.
void check_hypotheses(const std::vector<Hypothesis>& rows, Errors& errors);

// Two diagnoses that predict the same for every configured channel could never be told apart:
// each such pair is an error that names both.
void check_identifiable(const std::vector<Hypothesis>& rows,
                        const std::vector<ChannelCadence>& cadences, Errors& errors);

}  // namespace vc
