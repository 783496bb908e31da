#include "probes/readiness/settings.h"

#include <doctest/doctest.h>

#include <set>

namespace vc {
namespace {

std::string meaning(SettingKind kind, std::string_view value) {
    const auto read = meaning_of(kind, value);
    return read ? *read : "error: it " + read.error().message;
}

TEST_CASE("a duration means its length, however it is written") {
    const auto duration = [](std::string_view text) {
        return meaning(SettingKind::duration, text);
    };
    CHECK(duration("PT1M") == duration("PT60S"));
    CHECK(duration("PT1M") == duration("PT60.0S"));
    CHECK(duration("P1D") == duration("PT24H"));
    CHECK(duration("P1DT1H") == duration("PT25H"));
    CHECK(duration("PT0.5S") == "5000000");
    CHECK(duration("PT0.0000001S") == "1");
    CHECK(duration("PT1M") != duration("PT30S"));
    CHECK(duration("P10675199DT2H48M5.4775807S") == "for ever");
    CHECK(duration("P10675198DT2H48M5.477S") == "for ever");
    CHECK(duration("") == "");
    for (const char* wrong : {"P", "PT", "P1", "PT1", "1M", "PT1X", "PTM", "P1Y", "P1M", "PT-1S",
                              "PT1.5M", "PT1S1M", "P1DT", "PT99999999999S", "PT1MS", "PT.5S"}) {
        CAPTURE(wrong);
        CHECK(duration(wrong) == "error: it is no duration such as PT1M");
    }
}

TEST_CASE("flags, numbers, words and targets mean what they say in any spelling") {
    CHECK(meaning(SettingKind::flag, "True") == "true");
    CHECK(meaning(SettingKind::flag, "0") == "false");
    CHECK(meaning(SettingKind::flag, "yes") == "error: it is neither true nor false");
    CHECK(meaning(SettingKind::number, "007") == "7");
    CHECK(meaning(SettingKind::number, "000") == "0");
    CHECK(meaning(SettingKind::number, "-1") == "error: it is no whole number");
    CHECK(meaning(SettingKind::number, "1234567890123456789") == "error: it is no whole number");
    CHECK(meaning(SettingKind::word, "Active") == "active");
    CHECK(meaning(SettingKind::target, "sb://ns.example/Orders/In/") == "orders/in");
    CHECK(meaning(SettingKind::target, "https://ns.example") == "");
    CHECK(meaning(SettingKind::target, "Orders") == "orders");
}

TEST_CASE("what decides is told before what does not, and nothing twice") {
    std::set<std::string_view> names;
    bool told = false;
    for (const SettingRule& setting : compared_settings()) {
        CHECK(names.insert(setting.name).second);
        if (setting.weight == Weight::told) told = true;
        if (told) CHECK(setting.weight == Weight::told);
    }
}

}  // namespace
}  // namespace vc
