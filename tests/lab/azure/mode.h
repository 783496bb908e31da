// How truthful a part of the fake Azure is, and what all its parts say alike.
#pragma once

#include <optional>
#include <string>

#include "rules/base/time.h"
#include "tests/lab/http.h"

namespace vc::lab {

enum class AzureTruth { Honest, AlwaysHealthy, Lagging, Missing, Conflict };

struct AzureMode {
    AzureTruth truth = AzureTruth::Honest;
    Duration lag{};      // of Lagging
    bool empty = false;  // of Missing: points without values in place of 503
};

const char* to_text(AzureTruth truth);
std::optional<AzureTruth> azure_truth_of(std::string_view text);

// {"error": {"code": .., "message": ..}}, as ARM writes it.
HttpResponse arm_error(unsigned status, const std::string& code, const std::string& message);
HttpResponse unavailable();

}  // namespace vc::lab
