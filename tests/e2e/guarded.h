// A lab whose two namespaces want a key or a token of its own issuer, over TLS; and, in a folder
// of their own, the files that hold the secrets.
#pragma once

#include <string>

#include "tests/e2e/watcher.h"

namespace vc::e2e {

struct Guarded {
    Guarded() : platform(dir, with_keys(secrets)) {
        write_key("probe", "first-key");
        write_text(secrets.path() / "standby.secret", "standby-key\n");
        write_text(secrets.path() / "client.secret", "not-a-secret\n");
    }

    static PlatformOptions with_keys(const TempDir& secrets) {
        PlatformOptions options;
        options.more = {"--tls-dir",       secrets.path().string(), "--primary-key",
                        "probe:first-key", "--standby-key",         "probe:standby-key"};
        return options;
    }
    // The connection string of the primary's namespace.
    void write_key(const std::string& rule, const std::string& key) const {
        write_text(secrets.path() / "primary.secret",
                   "Endpoint=sb://127.0.0.1:" + std::to_string(platform.port("primary")) +
                       "/;SharedAccessKeyName=" + rule + ";SharedAccessKey=" + key + "\n");
    }
    // What the primary's namespace accepts from now on, as NAME:KEY.
    void accept(const boost::json::array& keys) const {
        platform.post("/keys", {{"component", "primary"}, {"keys", keys}});
    }
    std::string path(const char* name) const { return (secrets.path() / name).string(); }
    std::string sas() const {
        return "auth: {sas: {connection_string: {file: " + path("primary.secret") + "}}}";
    }
    std::string identity() const {
        return "auth: {identity: {token_url: \"http://127.0.0.1:" +
               std::to_string(platform.port("azure")) + "/metadata/identity/oauth2/token\"}}";
    }
    // An application's; its secret is what the lab's issuer knows, until the file says otherwise.
    std::string application() const {
        return "auth: {identity: {client_id: voltcanary, client_secret: {file: " +
               path("client.secret") +
               "}, token_url: \"http://127.0.0.1:" + std::to_string(platform.port("azure")) +
               "/tenant/oauth2/v2.0/token\"}}";
    }
    WatcherOptions options(const std::string& primary_auth) const {
        const std::string tls = "tls: {ca: " + path("ca.pem") + "}";
        WatcherOptions options;
        options.primary = {primary_auth, tls};
        options.standby = {
            "auth: {sas: {key_name: probe, key: {file: " + path("standby.secret") + "}}}", tls};
        return options;
    }

    TempDir dir;
    TempDir secrets;
    Platform platform;
};

}  // namespace vc::e2e
