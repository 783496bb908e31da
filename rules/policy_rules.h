// What the policy, the incident's life and the migration's proof go by, with the shipped values.
// rules/defaults/policy.yaml holds the same values, each with its reason. Times are rules' time.
#pragma once

#include <cstdint>

#include "rules/base/time.h"

namespace vc {

struct PolicyRules {
    // Certainty.
    double act_posterior = 0.99;        // of the culprit, before the platform is moved
    double shared_at_most = 0.05;       // that a fault hits both sides
    double standby_bad_at_most = 0.02;  // that the standby is among what is broken
    std::uint32_t primary_samples = 6;  // direct primary probes in the same bad minutes
    std::uint32_t standby_samples = 6;  // direct standby probes in the same bad minutes
    double suppress_posterior = 0.9;    // of "it is us", before a person is left asleep
    double name_posterior = 0.5;        // below it the diagnosis is "unknown"

    // The incident's life.
    Duration transient_below = std::chrono::seconds{60};
    Duration quiet = std::chrono::minutes{10};
    Duration probation = std::chrono::hours{72};
    Duration quarantine = std::chrono::hours{72};
    std::int64_t probation_act_divisor = 2;
    std::uint32_t pages_at_most = 3;  // per incident, counted anew after each quiet

    // The migration.
    Duration retry_backoff = std::chrono::seconds{5};
    std::uint32_t verify_heartbeats = 20;
    std::uint32_t verify_transactions = 4;
    Duration verify_over = std::chrono::seconds{60};
    double verify_share = 0.95;
    Duration verify_within = std::chrono::minutes{10};

    // The audits of the standby, where they are configured.
    Duration audit_recent = std::chrono::minutes{5};
    Duration audit_wait = std::chrono::seconds{30};
    Duration audit_good_for = std::chrono::hours{24};
    Duration audit_retry = std::chrono::minutes{1};
    Duration audit_silence = std::chrono::minutes{15};
    Duration audit_tell_every = std::chrono::hours{1};
    Duration audit_remind = std::chrono::hours{24};
};

}  // namespace vc
