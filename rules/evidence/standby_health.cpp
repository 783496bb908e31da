#include "rules/evidence/standby_health.h"

#include <algorithm>

#include "rules/evidence/block_score.h"

namespace vc {
namespace {

constexpr std::size_t most_remembered = 2000;  // of one channel; far above any sane cadence

bool configured(const std::vector<ChannelCadence>& cadences, Channel channel) {
    return std::any_of(cadences.begin(), cadences.end(),
                       [&](const ChannelCadence& c) { return c.channel == channel; });
}

}  // namespace

StandbyHealth::StandbyHealth(const DetectorRules& rules,
                             const std::vector<ChannelCadence>& cadences)
    : rules_(rules),
      has_sl_(configured(cadences, Channel::SL)),
      has_sf_(configured(cadences, Channel::SF)) {}

void StandbyHealth::add(const Observation& seen, Instant now) {
    const Vote vote = vote_of(seen);
    if (vote == Vote::none) return;
    const Seen entry{now, vote == Vote::bad};
    if (seen.channel == Channel::SC) {
        sc_.push_back(entry);
        if (sc_.size() > rules_.standby_loops) sc_.pop_front();
    }
    if (seen.channel != Channel::SL && seen.channel != Channel::SF) return;
    std::deque<Seen>& direct = seen.channel == Channel::SL ? sl_ : sf_;
    direct.push_back(entry);
    while (direct.size() > most_remembered || direct.front().known < now - rules_.standby_recent)
        direct.pop_front();
}

Certificate StandbyHealth::loops(Instant now) const {
    const auto within = now - rules_.standby_loops_within;
    const auto fresh =
        std::count_if(sc_.begin(), sc_.end(), [&](const Seen& s) { return s.known >= within; });
    const auto failed = std::count_if(sc_.begin(), sc_.end(), [&](const Seen& s) { return s.bad; });
    const std::string wanted = std::to_string(rules_.standby_loops);
    if (failed > 0) {
        return {false, true,
                std::to_string(failed) + " of the last " + std::to_string(sc_.size()) +
                    " full loops through it failed"};
    }
    if (fresh < static_cast<std::ptrdiff_t>(rules_.standby_loops)) {
        return {false, false,
                "only " + std::to_string(fresh) + " of " + wanted +
                    " full loops through it in the last " + to_text(rules_.standby_loops_within)};
    }
    return {true, false,
            "the last " + wanted + " full loops through it passed, the newest at " +
                to_text(sc_.back().known)};
}

Certificate StandbyHealth::direct_probes(Channel channel, const std::deque<Seen>& seen,
                                         Instant now) const {
    const auto since = now - rules_.standby_recent;
    std::uint32_t n = 0;
    std::uint32_t bad = 0;
    for (const Seen& s : seen) {
        if (s.known < since) continue;
        ++n;
        if (s.bad) ++bad;
    }
    const std::string name{to_text(channel)};
    const std::string lately = " in the last " + to_text(rules_.standby_recent);
    if (n == 0) return {false, false, "no " + name + " probe of it" + lately};
    if (bad >= bad_threshold(n, rules_.background_loss, rules_.false_block / 2)) {
        return {false, true,
                name + " failed " + std::to_string(bad) + " of " + std::to_string(n) + " times" +
                    lately};
    }
    return {true, false, {}};
}

Certificate StandbyHealth::at(Instant now) const {
    Certificate certificate = loops(now);
    if (certificate.refuted) return certificate;
    for (const auto& [has, channel, seen] :
         {std::tuple{has_sl_, Channel::SL, &sl_}, std::tuple{has_sf_, Channel::SF, &sf_}}) {
        if (!has) continue;
        Certificate direct = direct_probes(channel, *seen, now);
        if (direct.refuted) return direct;
        if (!direct.certified && certificate.certified) certificate = direct;
    }
    return certificate;
}

}  // namespace vc
