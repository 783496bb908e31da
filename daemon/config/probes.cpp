// What is probed, how often, and what still counts as in time.
#include "daemon/config/reader.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

struct Shipped {
    Channel channel;
    Duration every;
    Duration budget;
};

// Dense enough that a minute holds a verdict, thin enough to be a fraction of a percent of a
// fleet's traffic. Budgets: what a charger's user or its own timeout would still forgive.
constexpr std::array<Shipped, 13> shipped{{{Channel::CT, 5s, 1s},
                                           {Channel::BH, 5s, 2s},
                                           {Channel::HB, 5s, 5s},
                                           {Channel::TX, 30s, 10s},
                                           {Channel::DL, 1s, 2s},
                                           {Channel::DF, 10s, 5s},
                                           {Channel::SL, 10s, 2s},
                                           {Channel::SF, 10s, 5s},
                                           {Channel::SC, 60s, 10s},
                                           {Channel::DX, 30s, 5s},
                                           {Channel::SX, 60s, 5s},
                                           {Channel::DM, 60s, 5s},
                                           {Channel::SM, 60s, 5s}}};
static_assert(shipped.size() == all_channels.size());

// A target that hangs keeps an attempt open for three budgets; beyond this many at once we would
// be the load.
constexpr int most_in_flight = 32;

std::uint32_t targets_of(Channel channel, const Config& config, std::uint32_t chargers) {
    switch (channel) {
        case Channel::CT:
            return static_cast<std::uint32_t>(config.control.size());
        case Channel::HB:
        case Channel::TX:
            return chargers;
        case Channel::DL:
        case Channel::DF:
        case Channel::DX:
            return static_cast<std::uint32_t>(config.primary.entities.size());
        case Channel::SL:
        case Channel::SF:
        case Channel::SX:
            return static_cast<std::uint32_t>(config.standby.entities.size());
        case Channel::DM:
            return config.primary.management
                       ? static_cast<std::uint32_t>(config.primary.entities.size())
                       : 0;
        case Channel::SM:
            return config.standby.management
                       ? static_cast<std::uint32_t>(config.standby.entities.size())
                       : 0;
        case Channel::BH:
        case Channel::SC:
            return 1;
    }
    return 1;
}

void read_channel(const YamlNode& node, ChannelCadence& probe, std::uint32_t& chargers,
                  Errors& errors) {
    Fields fields(node, "probes." + std::string(to_text(probe.channel)), errors);
    const std::size_t errors_before = errors.size();
    fields.duration("every", probe.every, Need::optional, {100ms, 1h});
    fields.duration("budget", probe.budget, Need::optional, {10ms, 10min});
    if (errors.size() == errors_before && 3 * probe.budget > most_in_flight * probe.every) {
        fields.error(fields.child("budget") != nullptr ? "budget" : "every",
                     "an answer may take three budgets; every " + to_text(probe.every) +
                         " with a budget "
                         "of " +
                         to_text(probe.budget) + " leaves more than " +
                         std::to_string(most_in_flight) + " attempts open at once");
    }
    if (probe.channel == Channel::HB) {
        // Four digits number the chargers; a thousand are far more than a verdict needs.
        fields.integer("chargers", chargers, Need::optional, {1, 1000});
    }
    fields.finish();
}

}  // namespace

void ConfigReader::read_probes(const YamlNode* node) {
    const YamlNode none;
    Fields fields(node == nullptr ? none : *node, "probes", errors);
    std::uint32_t chargers = 8;
    for (const Shipped& values : shipped) {
        ChannelCadence probe{values.channel, values.every, 1, values.budget};
        if (const auto* channel = fields.child(to_text(values.channel))) {
            read_channel(*channel, probe, chargers, errors);
        }
        config.rules.cadences.push_back(probe);
    }
    fields.finish();
    for (ChannelCadence& probe : config.rules.cadences)
        probe.targets = targets_of(probe.channel, config, chargers);
}

}  // namespace vc
