#include "daemon/journal/rows.h"

#include <charconv>
#include <utility>

namespace vc {
namespace {

Instant instant(std::int64_t ns) {
    return Instant{Duration{ns}};
}

}  // namespace

Result<StoredRecord> read_record(const Statement& row) {
    StoredRecord stored;
    stored.seq = static_cast<std::uint64_t>(row.integer(0));
    stored.wall = WallTime{row.integer(2)};
    auto record = record_from_json(instant(row.integer(1)), row.text(3), row.text(4));
    if (!record) {
        return failure("record " + std::to_string(stored.seq) + ": " + record.error().message);
    }
    stored.record = std::move(*record);
    return stored;
}

Result<Observation> read_observation(const Statement& row) {
    Observation seen;
    seen.id = AttemptId{static_cast<std::uint64_t>(row.integer(0))};
    const auto channel = channel_from(row.text(1));
    const auto outcome = outcome_from(row.text(6));
    const auto phase = phase_from(row.text(7));
    auto phases = phases_from(row.text(9));
    const auto direction = direction_from(row.text(10));
    if (!channel || !outcome || !phase || !phases || !direction) {
        return failure("observation " + std::to_string(seen.id.value) +
                       ": a word in it is not known");
    }
    seen.channel = *channel;
    seen.target = static_cast<std::uint32_t>(row.integer(2));
    seen.due = instant(row.integer(3));
    seen.started = instant(row.integer(4));
    seen.finished = instant(row.integer(5));
    seen.outcome = *outcome;
    seen.failed_phase = *phase;
    seen.tainted = row.integer(8) != 0;
    seen.phases = std::move(*phases);
    seen.direction = *direction;
    return seen;
}

std::string phases_text(const std::vector<PhaseTime>& phases) {
    std::string text;
    for (const PhaseTime& phase : phases) {
        if (!text.empty()) text += ' ';
        text += to_text(phase.phase);
        text += '=';
        text += std::to_string(phase.took.count());
    }
    return text;
}

std::optional<std::vector<PhaseTime>> phases_from(std::string_view text) {
    std::vector<PhaseTime> phases;
    while (!text.empty()) {
        const auto space = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, space);
        text.remove_prefix(std::min(space + 1, text.size()));
        const auto equals = word.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        const auto phase = phase_from(word.substr(0, equals));
        std::int64_t took = 0;
        const char* end = word.data() + word.size();
        const auto read = std::from_chars(word.data() + equals + 1, end, took);
        if (!phase || read.ec != std::errc{} || read.ptr != end) return std::nullopt;
        phases.push_back({*phase, Duration{took}});
    }
    return phases;
}

}  // namespace vc
