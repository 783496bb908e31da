#include "rules/names.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

template <class Enum>
void check_names(int count) {
    for (int i = 0; i < count; ++i) {
        const Enum value = static_cast<Enum>(i);
        CHECK(to_text(value) != "?");
        CHECK(from_text<Enum>(to_text(value)) == value);
    }
    CHECK(!from_text<Enum>("no such word"));
    CHECK(to_text(static_cast<Enum>(count)) == "?");
}

TEST_CASE("every word of the closed lists is read back as what it was") {
    check_names<Command>(3);
    check_names<HookVerb>(4);
    check_names<HookOutcome>(6);
    check_names<IncidentState>(6);
    check_names<Decision>(5);
    check_names<Refusal>(18);
    check_names<Severity>(2);
    check_names<MigrationResult>(3);
    check_names<AuditVerdict>(3);
    check_names<Remedy>(5);
    check_names<VendorClaim>(3);
    check_names<GaugeRole>(4);
    check_names<Channel>(13);
    for (int i = 0; i < 17; ++i)
        CHECK(explain(static_cast<Refusal>(i)) != "?");
}

}  // namespace
}  // namespace vc
