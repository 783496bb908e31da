#include "tests/lab/amqp_proton.h"

#include <proton/condition.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/link.h>
#include <proton/sasl_plugin.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <string_view>

namespace vc::lab {
namespace {

// SASL, server side: Debian's Proton has no Cyrus, so logins are checked here. The context is a
// Logins, which lives as long as the connection.
const char* list_mechanisms(pn_transport_t*) {
    return "MSSBCBS PLAIN ANONYMOUS EXTERNAL";
}

bool init_server(pn_transport_t* transport) {
    pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS);
    return true;
}

Credentials plain_login(std::string_view response) {
    // authorization-id NUL user NUL password (RFC 4616)
    const auto first = response.find('\0');
    if (first == std::string_view::npos) return {};
    const auto second = response.find('\0', first + 1);
    if (second == std::string_view::npos) return {};
    return {std::string(response.substr(first + 1, second - first - 1)),
            std::string(response.substr(second + 1))};
}

// The user that comes in; empty: none does.
std::string let_in(const Logins& logins, std::string_view mechanism, std::string_view said) {
    if (mechanism == "ANONYMOUS" || mechanism == "MSSBCBS") return "anonymous";
    if (mechanism == "EXTERNAL") return logins.remote->certificate;
    if (mechanism != "PLAIN") return {};
    const Credentials login = plain_login(said);
    return !login.user.empty() && logins.passes(login) ? login.user : std::string();
}

void process_init(pn_transport_t* transport, const char* mechanism, const pn_bytes_t* response) {
    auto* logins = static_cast<Logins*>(pnx_sasl_get_context(transport));
    logins->decided = true;
    const std::string_view name = mechanism == nullptr ? "" : mechanism;
    const std::string_view said =
        response->start == nullptr ? "" : std::string_view(response->start, response->size);
    const std::string user = let_in(*logins, name, said);
    if (user.empty()) {
        pnx_sasl_set_failed(transport);
    } else {
        logins->remote->mechanism = name;
        logins->remote->user = user == "anonymous" ? "" : user;
        pnx_sasl_set_succeeded(transport, user.c_str(), user.c_str());
    }
    pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME);
}

const pnx_sasl_implementation server_sasl = {
    [](pn_transport_t*) {},
    list_mechanisms,
    init_server,
    [](pn_transport_t*) { return false; },
    [](pn_transport_t*) {},
    process_init,
    [](pn_transport_t* transport, const pn_bytes_t*) { pnx_sasl_set_failed(transport); },
    [](pn_transport_t*, const char*) { return false; },
    [](pn_transport_t*, const pn_bytes_t*) {},
    [](pn_transport_t*, const pn_bytes_t*) {},
    [](pn_transport_t*) { return false; },
    [](pn_transport_t*) -> ssize_t { return 0; },
    [](pn_transport_t*, pn_bytes_t, pn_bytes_t*) -> ssize_t { return 0; },
    [](pn_transport_t*, pn_bytes_t, pn_bytes_t*) -> ssize_t { return 0; },
};

}  // namespace

void check_logins(pn_transport_t* transport, Logins& logins) {
    pnx_sasl_set_implementation(transport, &server_sasl, &logins);
}

void set_limits(pn_transport_t* transport, Duration idle_timeout) {
    pn_transport_set_max_frame(transport, 65536);
    pn_transport_set_channel_max(transport, 4999);
    // Proton advertises half of what it is told, as the specification recommends.
    const auto idle = std::chrono::duration_cast<std::chrono::milliseconds>(idle_timeout);
    pn_transport_set_idle_timeout(transport, static_cast<pn_millis_t>(idle.count() * 2));
}

void agree(pn_link_t* link) {
    pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    pn_link_set_snd_settle_mode(link, pn_link_remote_snd_settle_mode(link));
    pn_link_set_rcv_settle_mode(link, pn_link_remote_rcv_settle_mode(link));
}

AmqpError error_of(pn_condition_t* condition) {
    if (condition == nullptr || !pn_condition_is_set(condition)) return {};
    const char* words = pn_condition_get_description(condition);
    return {pn_condition_get_name(condition), words == nullptr ? "" : words,
            read_map(pn_condition_info(condition))};
}

AmqpOutcome outcome_of(pn_delivery_t* delivery) {
    AmqpOutcome outcome;
    pn_disposition_t* said = pn_delivery_remote(delivery);
    outcome.settlement = settlement_of(pn_disposition_type(said));
    outcome.settled = pn_delivery_settled(delivery);
    if (outcome.settlement == Settlement::Rejected) {
        outcome.error = error_of(pn_disposition_condition(said));
    } else if (outcome.settlement == Settlement::Modified) {
        outcome.delivery_failed = pn_disposition_is_failed(said);
        outcome.undeliverable_here = pn_disposition_is_undeliverable(said);
        outcome.annotations = read_map(pn_disposition_annotations(said));
    }
    return outcome;
}

void set_error(pn_condition_t* condition, const AmqpError& error) {
    if (error.condition.empty()) return;
    pn_condition_set_name(condition, error.condition.c_str());
    pn_condition_set_description(condition, error.description.c_str());
    write_map(pn_condition_info(condition), error.info);
}

Settlement settlement_of(std::uint64_t state) {
    switch (state) {
        case PN_ACCEPTED:
            return Settlement::Accepted;
        case PN_REJECTED:
            return Settlement::Rejected;
        case PN_RELEASED:
            return Settlement::Released;
        case PN_MODIFIED:
            return Settlement::Modified;
        default:
            return Settlement::None;
    }
}

std::uint64_t state_of(Settlement outcome) {
    switch (outcome) {
        case Settlement::Accepted:
            return PN_ACCEPTED;
        case Settlement::Rejected:
            return PN_REJECTED;
        case Settlement::Released:
            return PN_RELEASED;
        case Settlement::Modified:
            return PN_MODIFIED;
        case Settlement::None:
            break;
    }
    return 0;
}

}  // namespace vc::lab
