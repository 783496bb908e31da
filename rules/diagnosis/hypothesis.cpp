#include "rules/diagnosis/hypothesis.h"

#include <algorithm>

namespace vc {
namespace {

// Of two rows, the later is told where it stands: it was added to what was right before.
void add(Errors& errors, const Hypothesis& row, std::string message) {
    errors.push_back({row.pos, std::move(message)});
}

}  // namespace

std::string full_name(const Hypothesis& hypothesis) {
    if (hypothesis.variant.empty()) return hypothesis.name;
    return hypothesis.name + " (" + hypothesis.variant + ")";
}

void check_hypotheses(const std::vector<Hypothesis>& rows, Errors& errors) {
    for (const std::string_view name : {"healthy", "unknown"}) {
        const auto count = std::count_if(rows.begin(), rows.end(),
                                         [&](const Hypothesis& row) { return row.name == name; });
        if (count != 1) {
            Error error;
            if (!rows.empty()) error.pos = {rows.front().pos.file, 0, 0};
            error.message = "hypotheses: exactly one must be called '" + std::string(name) +
                            "', there are " + std::to_string(count);
            errors.push_back(std::move(error));
        }
    }
    for (auto a = rows.begin(); a != rows.end(); ++a) {
        for (auto b = a + 1; b != rows.end(); ++b) {
            if (full_name(*a) == full_name(*b)) {
                add(errors, *b, "hypotheses: two are called '" + full_name(*a) + "'");
            }
            if (a->name == b->name && a->remedy != b->remedy) {
                add(errors, *b,
                    "hypotheses: '" + full_name(*a) + "' and '" + full_name(*b) +
                        "' are one diagnosis but have different remedies");
            }
        }
    }
}

void check_identifiable(const std::vector<Hypothesis>& rows,
                        const std::vector<ChannelCadence>& cadences, Errors& errors) {
    const auto same = [&](const Hypothesis& a, const Hypothesis& b) {
        return std::all_of(cadences.begin(), cadences.end(), [&](const ChannelCadence& cadence) {
            return a.of(cadence.channel) == b.of(cadence.channel);
        });
    };
    for (auto a = rows.begin(); a != rows.end(); ++a) {
        for (auto b = a + 1; b != rows.end(); ++b) {
            if (a->name == b->name || !same(*a, *b)) continue;
            add(errors, *b,
                "hypotheses: '" + full_name(*a) + "' and '" + full_name(*b) +
                    "' cannot be told apart by the channels that are probed");
        }
    }
}

}  // namespace vc
