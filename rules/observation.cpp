#include "rules/observation.h"

#include <algorithm>
#include <utility>

namespace vc {
namespace {

template <class E>
using Name = std::pair<E, std::string_view>;

constexpr std::array<Name<Channel>, 13> channel_names{{{Channel::CT, "CT"},
                                                       {Channel::BH, "BH"},
                                                       {Channel::HB, "HB"},
                                                       {Channel::TX, "TX"},
                                                       {Channel::DL, "DL"},
                                                       {Channel::DF, "DF"},
                                                       {Channel::SL, "SL"},
                                                       {Channel::SF, "SF"},
                                                       {Channel::SC, "SC"},
                                                       {Channel::DX, "DX"},
                                                       {Channel::SX, "SX"},
                                                       {Channel::DM, "DM"},
                                                       {Channel::SM, "SM"}}};

constexpr std::array<Name<Outcome>, 15> outcome_names{{{Outcome::ok, "ok"},
                                                       {Outcome::late, "late"},
                                                       {Outcome::timeout, "timeout"},
                                                       {Outcome::refused, "refused"},
                                                       {Outcome::reset, "reset"},
                                                       {Outcome::dns, "dns"},
                                                       {Outcome::tls, "tls"},
                                                       {Outcome::auth, "auth"},
                                                       {Outcome::busy, "busy"},
                                                       {Outcome::lost, "lost"},
                                                       {Outcome::duplicate, "duplicate"},
                                                       {Outcome::protocol, "protocol"},
                                                       {Outcome::wrong_answer, "wrong_answer"},
                                                       {Outcome::misconfigured, "misconfigured"},
                                                       {Outcome::abandoned, "abandoned"}}};

constexpr std::array<Name<Phase>, 18> phase_names{{{Phase::none, "none"},
                                                   {Phase::dns, "dns"},
                                                   {Phase::tcp, "tcp"},
                                                   {Phase::tls, "tls"},
                                                   {Phase::upgrade, "upgrade"},
                                                   {Phase::boot, "boot"},
                                                   {Phase::call, "call"},
                                                   {Phase::sasl, "sasl"},
                                                   {Phase::open, "open"},
                                                   {Phase::cbs_attach, "cbs_attach"},
                                                   {Phase::cbs_put_token, "cbs_put_token"},
                                                   {Phase::attach_send, "attach_send"},
                                                   {Phase::credit, "credit"},
                                                   {Phase::attach_recv, "attach_recv"},
                                                   {Phase::send_settle, "send_settle"},
                                                   {Phase::send_receive, "send_receive"},
                                                   {Phase::complete_settle, "complete_settle"},
                                                   {Phase::close, "close"}}};

constexpr std::array<Name<VendorClaim>, 3> claim_names{
    {{VendorClaim::missing, "missing"}, {VendorClaim::green, "green"}, {VendorClaim::red, "red"}}};

constexpr std::array<Name<Direction>, 3> direction_names{
    {{Direction::none, "none"}, {Direction::send, "send"}, {Direction::recv, "recv"}}};

constexpr std::array<Name<GaugeRole>, 4> role_names{
    {{GaugeRole::vendor_claim, "vendor_claim"},
     {GaugeRole::chargers_connected, "chargers_connected"},
     {GaugeRole::own_connections, "own_connections"},
     {GaugeRole::own_messages, "own_messages"}}};

template <class E, std::size_t N>
std::string_view name_of(const std::array<Name<E>, N>& names, E value) {
    for (const auto& [key, name] : names) {
        if (key == value) return name;
    }
    return "?";
}

template <class E, std::size_t N>
std::optional<E> value_of(const std::array<Name<E>, N>& names, std::string_view text) {
    for (const auto& [key, name] : names) {
        if (name == text) return key;
    }
    return std::nullopt;
}

}  // namespace

std::string_view to_text(Channel channel) {
    return name_of(channel_names, channel);
}
std::string_view to_text(Outcome outcome) {
    return name_of(outcome_names, outcome);
}
std::string_view to_text(Phase phase) {
    return name_of(phase_names, phase);
}
std::string_view to_text(VendorClaim claim) {
    return name_of(claim_names, claim);
}
std::string_view to_text(Direction direction) {
    return name_of(direction_names, direction);
}
std::string_view to_text(GaugeRole role) {
    return name_of(role_names, role);
}
std::optional<Direction> direction_from(std::string_view text) {
    return value_of(direction_names, text);
}
std::optional<GaugeRole> gauge_role_from(std::string_view text) {
    return value_of(role_names, text);
}
std::optional<Channel> channel_from(std::string_view text) {
    return value_of(channel_names, text);
}
std::optional<Outcome> outcome_from(std::string_view text) {
    return value_of(outcome_names, text);
}
std::optional<Phase> phase_from(std::string_view text) {
    return value_of(phase_names, text);
}

bool is_evidence(Channel channel) {
    return std::find(evidence_channels.begin(), evidence_channels.end(), channel) !=
           evidence_channels.end();
}

bool is_direct(Channel channel) {
    switch (channel) {
        case Channel::DL:
        case Channel::DF:
        case Channel::SL:
        case Channel::SF:
        case Channel::DX:
        case Channel::SX:
        case Channel::DM:
        case Channel::SM:
            return true;
        case Channel::CT:
        case Channel::BH:
        case Channel::HB:
        case Channel::TX:
        case Channel::SC:
            return false;
    }
    return false;
}

Vote vote_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::ok:
            return Vote::good;
        case Outcome::late:
        case Outcome::timeout:
        case Outcome::refused:
        case Outcome::reset:
        case Outcome::dns:
        case Outcome::tls:
        case Outcome::auth:
        case Outcome::busy:
        case Outcome::lost:
        case Outcome::protocol:
        case Outcome::wrong_answer:
            return Vote::bad;
        case Outcome::duplicate:
        case Outcome::misconfigured:
        case Outcome::abandoned:
            return Vote::none;
    }
    return Vote::none;
}

Vote vote_of(const Observation& seen) {
    if (seen.tainted) return Vote::none;
    const bool shown = seen.outcome == Outcome::auth || seen.outcome == Outcome::tls;
    return shown && is_direct(seen.channel) ? Vote::none : vote_of(seen.outcome);
}

}  // namespace vc
