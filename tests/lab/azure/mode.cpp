#include "tests/lab/azure/mode.h"

#include <array>
#include <boost/json.hpp>

namespace vc::lab {

const char* to_text(AzureTruth truth) {
    switch (truth) {
        case AzureTruth::Honest:
            return "honest";
        case AzureTruth::AlwaysHealthy:
            return "always_healthy";
        case AzureTruth::Lagging:
            return "lagging";
        case AzureTruth::Missing:
            return "missing";
        case AzureTruth::Conflict:
            return "conflict";
    }
    return "";
}

std::optional<AzureTruth> azure_truth_of(std::string_view text) {
    for (const auto truth : {AzureTruth::Honest, AzureTruth::AlwaysHealthy, AzureTruth::Lagging,
                             AzureTruth::Missing, AzureTruth::Conflict}) {
        if (text == to_text(truth)) return truth;
    }
    return std::nullopt;
}

HttpResponse arm_error(unsigned status, const std::string& code, const std::string& message) {
    const boost::json::object body{{"error", {{"code", code}, {"message", message}}}};
    return {status, boost::json::serialize(body)};
}

HttpResponse unavailable() {
    return arm_error(503, "ServiceUnavailable", "The service is unavailable. Please retry later.");
}

}  // namespace vc::lab
