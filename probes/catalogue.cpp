#include "probes/catalogue.h"

#include <algorithm>
#include <array>
#include <utility>

#include "probes/amqp/session.h"
#include "probes/bridge/session.h"
#include "probes/control/session.h"
#include "probes/ocpp/session.h"
#include "rules/base/check.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

using Made = Result<std::unique_ptr<Session>>;

// What a spec needs, by name.
struct Need {
    std::string_view field;
    bool there;
};

// Empty when all is there.
std::string missing(const ProbeSpec& spec, std::initializer_list<Need> needs) {
    const std::string who = "probe " + std::string(to_text(spec.channel)) + " needs ";
    if (spec.host.empty()) return who + "a host";
    if (spec.port == 0) return who + "a port";
    if (spec.budget <= Duration::zero()) return who + "a positive budget";
    for (const Need& need : needs) {
        if (!need.there) return who + std::string(need.field);
    }
    return {};
}

bool plain_word(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
}

// A request line must not be broken by what somebody configured.
bool path_is_sound(std::string_view path) {
    return path.starts_with('/') &&
           std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

// RFC 3986: everything but unreserved characters is written in hexadecimal.
std::string percent_encoded(std::string_view text) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (plain_word({&c, 1}) || c == '~') {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

WebSocketRequest upgrade_of(const ProbeSpec& spec) {
    WebSocketRequest request;
    request.host = spec.host;
    request.port = spec.port;
    request.secure = spec.tls;
    request.path = spec.path;
    if (!request.path.ends_with('/')) request.path += '/';
    request.path += percent_encoded(spec.identity);
    request.subprotocol = "ocpp1.6";
    request.user = spec.user;
    request.password = spec.password;
    return request;
}

Made make_charger(const ProbeSpec& spec) {
    const bool transactions = spec.channel != Channel::HB;
    const auto lacks =
        missing(spec, {{"an identity", !spec.identity.empty()},
                       {"a path that begins with / and has no blanks", path_is_sound(spec.path)},
                       {"a run of letters, digits, '-', '_' and '.', at most 20",
                        plain_word(spec.run) && spec.run.size() <= 20},
                       {"an id tag of at most 20 characters",
                        spec.id_tag.size() <= 20 && (!transactions || !spec.id_tag.empty())}});
    if (!lacks.empty()) return failure(lacks);
    OcppOptions options;
    options.request = upgrade_of(spec);
    options.charger.call_prefix = spec.run + "-";
    options.charger.id_tag = spec.id_tag;
    options.charger.answer_timeout = 3 * spec.budget;
    options.meter_values = spec.meter_values;
    options.ping_every = spec.ping_every;
    options.upgrade_timeout = 3 * spec.budget;
    options.seed = spec.seed;
    return std::make_unique<OcppSession>(std::move(options));
}

Made make_bridge(const ProbeSpec& spec) {
    const auto lacks =
        missing(spec, {{"an identity", !spec.identity.empty()},
                       {"a path that begins with / and has no blanks", path_is_sound(spec.path)}});
    if (!lacks.empty()) return failure(lacks);
    return make_bridge_session(upgrade_of(spec), spec.seed);
}

GetTarget get_of(const ProbeSpec& spec) {
    return {spec.host, spec.port, spec.path, spec.tls};
}

Made make_control(const ProbeSpec& spec) {
    const auto lacks =
        missing(spec, {{"a path that begins with / and has no blanks", path_is_sound(spec.path)}});
    if (!lacks.empty()) return failure(lacks);
    return make_control_session(get_of(spec));
}

// A user and password without anything that would keep them fresh.
class PlainCredentials : public AmqpCredentials {
  public:
    PlainCredentials(std::string user, std::string password)
        : login_{SaslMechanism::plain, std::move(user), std::move(password)} {}

    AmqpLogin login() const override { return login_; }
    bool uses_cbs() const override { return false; }
    std::optional<CbsToken> token(std::string_view, Instant) const override { return {}; }
    std::uint64_t generation() const override { return 0; }

  private:
    AmqpLogin login_;
};

bool on_standby(Channel channel) {
    return channel == Channel::SL || channel == Channel::SF || channel == Channel::SX ||
           channel == Channel::SM;
}

Made make_amqp(const ProbeSpec& spec) {
    const auto lacks =
        missing(spec, {{"an entity", !spec.entity.empty()},
                       {"a run of letters, digits, '-', '_' and '.'", plain_word(spec.run)}});
    if (!lacks.empty()) return failure(lacks);
    AmqpProbeOptions options;
    options.channel = on_standby(spec.channel) ? Channel::SL : Channel::DL;
    const std::string channel(to_text(options.channel));
    options.connection.hostname = spec.host;
    options.connection.container_id =
        "voltcanary-" + spec.run + "-" + channel + "-" + std::to_string(spec.seed);
    options.connection.tls = spec.tls;
    options.connection.idle_timeout = spec.idle_timeout;
    options.connection.credentials = spec.credentials;
    if (!spec.credentials && !spec.user.empty()) {
        options.connection.credentials =
            std::make_shared<PlainCredentials>(spec.user, spec.password);
    }
    options.entity = spec.entity;
    options.fresh_entity = spec.fresh_entity.empty() ? spec.entity : spec.fresh_entity;
    options.management = spec.management;
    // Two channels, or two vantages, of one run are two users all the same.
    options.run = spec.run + "." + channel + "." + std::to_string(spec.seed);
    options.budget = spec.budget;
    options.seed = spec.seed;
    return std::make_unique<AmqpSession>(std::move(options));
}

constexpr std::array kinds{
    ProbeKind{Channel::CT, "HTTP GET of a target that shares nothing with the platform", true, 1s,
              make_control},
    ProbeKind{Channel::BH, "bridge only: WebSocket upgrade, ping and pong", true, 2s, make_bridge},
    ProbeKind{Channel::HB, "OCPP Heartbeat, the full loop over the active broker", false, 5s,
              make_charger},
    ProbeKind{Channel::TX, "OCPP start and stop of a transaction, the full loop twice", false, 10s,
              make_charger},
    ProbeKind{Channel::DL, "send to receive on the primary, long-lived connection", false, 2s,
              make_amqp},
    ProbeKind{Channel::DF, "send to receive on the primary, fresh connection", true, 5s, make_amqp},
    ProbeKind{Channel::SL, "send to receive on the standby, long-lived connection", false, 2s,
              make_amqp},
    ProbeKind{Channel::SF, "send to receive on the standby, fresh connection", true, 5s, make_amqp},
    ProbeKind{Channel::SC, "OCPP heartbeat and transaction, the full loop over the standby", false,
              10s, make_charger},
    ProbeKind{Channel::DX,
              "sent on a kept connection of the primary, received on a fresh one, or "
              "the reverse",
              true, 5s, make_amqp},
    ProbeKind{Channel::SX,
              "sent on a kept connection of the standby, received on a fresh one, or "
              "the reverse",
              true, 5s, make_amqp},
    ProbeKind{Channel::DM, "management peek on the primary", true, 5s, make_amqp},
    ProbeKind{Channel::SM, "management peek on the standby", true, 5s, make_amqp},
};

}  // namespace

std::span<const ProbeKind> probe_kinds() {
    return kinds;
}

const ProbeKind& probe_kind(Channel channel) {
    const ProbeKind& kind = kinds.at(static_cast<std::size_t>(channel));
    VC_CHECK(kind.channel == channel, "the catalogue is out of order");
    return kind;
}

Result<std::unique_ptr<Session>> make_probe(const ProbeSpec& spec) {
    return probe_kind(spec.channel).make(spec);
}

}  // namespace vc
