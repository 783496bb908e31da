#include "daemon/metrics/trust_metrics.h"

namespace vc {

std::string_view to_text(ReadinessFacts::State state) {
    switch (state) {
        case ReadinessFacts::State::unknown:
            return "unknown";
        case ReadinessFacts::State::ready:
            return "ready";
        case ReadinessFacts::State::differs:
            return "differs";
    }
    return "";
}

std::string_view to_text(CredentialRefresh refresh) {
    switch (refresh) {
        case CredentialRefresh::renewed:
            return "renewed";
        case CredentialRefresh::failed:
            return "failed";
        case CredentialRefresh::refused:
            return "refused";
    }
    return "";
}

TrustMetrics::TrustMetrics(Registry& registry)
    : readiness_(
          add_all<Meter>(gauges(registry, "voltcanary_standby_readiness",
                                "1 for how the standby's entities compare with the primary's."),
                         "state", all_readiness_states)),
      differences_(meter(registry, "voltcanary_standby_differences",
                         "Differences between the two brokers' entities, last time compared.")),
      checked_(meter(registry, "voltcanary_standby_readiness_timestamp_seconds",
                     "When the two brokers' entities were last compared, as Unix time; 0 before.")),
      credential_expiry_(gauges(registry, "voltcanary_credential_expiry_timestamp_seconds",
                                "When the credential in use expires, as Unix time; 0 when it does "
                                "not, or there is none yet.")),
      refreshes_(counters(registry, "voltcanary_credential_refreshes_total",
                          "Tries to have a credential anew, by how they ended.")),
      certificate_expiry_(
          gauges(registry, "voltcanary_tls_certificate_expiry_timestamp_seconds",
                 "When the certificate that a peer last showed expires, as Unix time.")),
      reloads_(counters(registry, "voltcanary_tls_reloads_total",
                        "Changed files of certificates: taken up, or not.")),
      reloads_ok_(reloads_.Add({{"result", "ok"}})),
      reloads_failed_(reloads_.Add({{"result", "failed"}})) {
    readiness_[ReadinessFacts::State::unknown]->Set(1);
}

void TrustMetrics::expect(const std::string& credential) {
    this->credential(credential);
}

void TrustMetrics::readiness(const ReadinessFacts& facts) {
    set_one(readiness_, std::optional(facts.state));
    differences_.Set(static_cast<double>(facts.differences));
    if (facts.checked) checked_.Set(seconds(facts.checked->time_since_epoch()));
}

TrustMetrics::Credential& TrustMetrics::credential(const std::string& name) {
    const auto [at, is_new] = credentials_.try_emplace(name);
    if (is_new) {
        const Labels labels{{"credential", name}};
        at->second.expiry = &credential_expiry_.Add(labels);
        at->second.refreshes =
            add_all<Counter>(refreshes_, labels, "outcome", all_credential_refreshes);
    }
    return at->second;
}

void TrustMetrics::credential(const std::string& name, CredentialRefresh how,
                              std::optional<Instant> expires) {
    const Credential& credential = this->credential(name);
    credential.refreshes.at(how)->Increment();
    credential.expiry->Set(expires ? seconds(expires->time_since_epoch()) : 0);
}

void TrustMetrics::certificate(const std::string& peer, WallTime expires) {
    Meter*& meter = certificates_[peer];
    if (meter == nullptr) meter = &certificate_expiry_.Add({{"peer", peer}});
    meter->Set(seconds(Duration{expires.unix_ns}));
}

void TrustMetrics::reloaded(bool ok) {
    (ok ? reloads_ok_ : reloads_failed_).Increment();
}

}  // namespace vc
