// The platform under watch: bridge, brokers, control targets.
#include <algorithm>

#include "daemon/config/reader.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 2> bridge_schemes{"ws", "wss"};

// Whether some identity made of `ordinary` (0001.., PING) would begin with `standby`, so that the
// bridge would send ordinary chargers through the standby.
bool confusable(std::string_view ordinary, std::string_view standby) {
    if (ordinary.starts_with(standby)) return true;
    if (!standby.starts_with(ordinary)) return false;
    const std::string_view rest = standby.substr(ordinary.size());
    const bool digits = rest.size() <= 4 && std::all_of(rest.begin(), rest.end(), [](char c) {
                            return c >= '0' && c <= '9';
                        });
    return digits || std::string_view("PING").starts_with(rest);
}

void read_identity_prefix(Fields& fields, std::string_view key, std::string& prefix) {
    fields.text(key, prefix, Need::required);
    if (fields.child(key) == nullptr) return;
    // 40, because OCPP 1.6 leaves 48 for a whole identity and ours end in four characters.
    if (!is_plain_name(prefix, 40)) {
        fields.error(key, "must be 1 to 40 letters, digits, points, _ or -");
        prefix.clear();
    }
}

void read_bridge(ConfigReader& reader, const YamlNode& node) {
    BridgeConfig& bridge = reader.config.bridge;
    Fields fields(node, "platform.bridge", reader.errors);
    read_url(fields, "url", bridge.url, bridge_schemes);
    if (bridge.url.target.find('?') != std::string::npos) {
        fields.error("url", "must not have a ? part; the identity follows the path");
    }
    read_identity_prefix(fields, "identity_prefix", bridge.identity_prefix);
    read_identity_prefix(fields, "standby_identity_prefix", bridge.standby_identity_prefix);
    const bool both = !bridge.identity_prefix.empty() && !bridge.standby_identity_prefix.empty();
    if (both && confusable(bridge.identity_prefix, bridge.standby_identity_prefix)) {
        fields.error("standby_identity_prefix",
                     "ordinary chargers' identities would begin with it too");
    }
    fields.text("id_tag", bridge.id_tag, Need::required);
    if (fields.child("id_tag") != nullptr && !is_plain_name(bridge.id_tag, 20)) {
        fields.error("id_tag", "must be 1 to 20 letters, digits, points, _ or -");
    }
    if (const auto* secret = fields.child("password")) {
        reader.read_secret(*secret, "password", bridge.password);
        if (!bridge.url.tls && !bridge.url.host.empty() && !is_loopback(bridge.url.host)) {
            reader.warn(fields.where("url"), "url: the password is sent in clear, use wss://");
        }
    }
    fields.finish();
}

}  // namespace

void read_url(Fields& fields, std::string_view key, Url& url,
              std::span<const std::string_view> schemes, Need need) {
    std::string text;
    fields.text(key, text, need);
    const YamlNode* node = fields.child(key);
    if (node == nullptr || node->kind != YamlNode::Kind::scalar) return;
    auto parsed = parse_url(text, schemes);
    if (parsed) {
        url = std::move(*parsed);
    } else {
        fields.error(key, parsed.error().message);
    }
}

void ConfigReader::read_platform(const YamlNode& node) {
    Fields fields(node, "platform", errors);
    if (const auto* bridge = fields.child("bridge", Need::required)) read_bridge(*this, *bridge);
    if (const auto* broker = fields.child("primary", Need::required)) {
        read_broker(*broker, "platform.primary", config.primary);
    }
    if (const auto* broker = fields.child("standby", Need::required)) {
        read_broker(*broker, "platform.standby", config.standby);
    }
    const Url& primary = config.primary.url;
    const Url& standby = config.standby.url;
    if (!primary.host.empty() && primary.host == standby.host && primary.port == standby.port) {
        fields.error("standby", "has the primary's own address " + primary.host + ":" +
                                    std::to_string(primary.port));
    }
    fields.finish();
}

void ConfigReader::read_control(const YamlNode& node) {
    // A list at the top has no mapping of its own; one is made around it.
    YamlNode around;
    around.kind = YamlNode::Kind::mapping;
    around.pos = node.pos;
    around.fields.push_back({"control", node.pos, node});
    Fields fields(around, "", errors);
    for (const auto& [text, pos] : read_list(fields, "control", 16, Need::required, errors)) {
        auto url = parse_url(text, http_schemes);
        if (url) {
            config.control.push_back(std::move(*url));
        } else if (!text.empty()) {
            error(pos, "control: " + url.error().message);
        }
    }
}

}  // namespace vc
