// Whether what the watcher relies on still holds: the standby's readiness, credentials,
// certificates. Private to daemon/metrics.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "daemon/metrics/metrics.h"
#include "daemon/metrics/series.h"

namespace vc {

class TrustMetrics {
  public:
    explicit TrustMetrics(Registry& registry);

    void expect(const std::string& credential);
    void readiness(const ReadinessFacts& facts);
    void credential(const std::string& name, CredentialRefresh how, std::optional<Instant> expires);
    void certificate(const std::string& peer, WallTime expires);
    void reloaded(bool ok);

  private:
    struct Credential {
        Meter* expiry = nullptr;
        Series<Counter, CredentialRefresh> refreshes;
    };
    Credential& credential(const std::string& name);

    Series<Meter, ReadinessFacts::State> readiness_;
    Meter& differences_;
    Meter& checked_;
    Family<Meter>& credential_expiry_;
    Family<Counter>& refreshes_;
    std::map<std::string, Credential> credentials_;
    Family<Meter>& certificate_expiry_;
    std::map<std::string, Meter*> certificates_;  // by peer
    Family<Counter>& reloads_;
    Counter& reloads_ok_;
    Counter& reloads_failed_;
};

}  // namespace vc
