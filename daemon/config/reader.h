// The pieces of load_config(), one per part of the file. Each reads its mapping into the Config and
// puts what is wrong into `errors`; none stops at the first.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/config/connection_string.h"
#include "rules/base/yaml.h"

namespace vc {

struct ConfigReader {
    Config& config;
    Errors& errors;
    std::string directory;  // of the file: relative paths in it start here

    void read_root(const YamlNode& root);        // load.cpp
    void read_place(Fields& fields);             // load.cpp
    void read_rule_files(const YamlNode* node);  // load.cpp
    void read_platform(const YamlNode& node);    // platform.cpp
    void read_broker(const YamlNode& node, const std::string& what, BrokerConfig& broker);
    void read_control(const YamlNode& node);    // platform.cpp
    void read_readiness(const YamlNode& node);  // readiness.cpp; after the platform
    void read_vendor(const YamlNode& node);     // gauges.cpp
    void read_gauges(const YamlNode& node);     // gauges.cpp; after the vendor
    void read_probes(const YamlNode* node);     // probes.cpp; after the platform
    void read_hooks(const YamlNode& node);      // hooks.cpp
    void read_notify(const YamlNode& node);     // hooks.cpp
    void read_migration(const YamlNode& node);  // migration.cpp; after the hooks

    // A secret by file, environment or systemd credential, and where it stands. What stands there
    // instead is never repeated in a message.
    void read_secret(const YamlNode& node, std::string_view key, Secret& secret,
                     SecretSource* source = nullptr);  // auth.cpp
    // One of the ways of auth.h; the connection string is given back when there is one.
    BrokerAuth read_auth(const YamlNode& node, const std::string& what,
                         std::optional<ConnectionString>& string);  // auth.cpp
    IdentityConfig read_identity(const YamlNode& node, const std::string& what,
                                 const std::string& default_resource);  // auth.cpp
    // A PEM file that is there; "" when it is not named.
    std::string read_pem_path(Fields& fields, std::string_view key, Need need);  // auth.cpp

    // A path of the file, from where we run.
    std::string resolve(const std::string& path) const;
    void error(const SourcePos& pos, std::string message);
    void warn(const SourcePos& pos, std::string message);
};

inline constexpr std::array<std::string_view, 2> http_schemes{"http", "https"};

void read_url(Fields& fields, std::string_view key, Url& url,
              std::span<const std::string_view> schemes, Need need = Need::required);

// A list of different, nonempty texts, each with its place; at least one and at most `most`.
using PlacedText = std::pair<std::string, SourcePos>;
std::vector<PlacedText> read_list(Fields& fields, std::string_view key, std::size_t most, Need need,
                                  Errors& errors);

// A name that will be part of paths, keys and metrics: letters, digits, - _ . and nothing else.
bool is_plain_name(std::string_view text, std::size_t most);

}  // namespace vc
