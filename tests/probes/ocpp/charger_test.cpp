#include "probes/ocpp/charger.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

using namespace std::chrono_literals;

struct Desk {
    Charger charger{[] {
        ChargerOptions options;
        options.call_prefix = "run1-";
        options.id_tag = "VOLTCANARY";
        options.answer_timeout = 15s;
        return options;
    }()};
    Instant now{500'000h};

    // The only call that the charger has sent since the last look.
    Frame sent() {
        const auto texts = charger.take_texts();
        REQUIRE(texts.size() == 1);
        const auto frame = parse_frame(texts.front());
        REQUIRE(frame);
        return *frame;
    }
    bool silent() { return charger.take_texts().empty(); }
    void answer(const Frame& call, std::string_view payload) {
        charger.receive(result_text(call.id, payload), now);
    }
    void refuse(const Frame& call, std::string_view code) {
        charger.receive(error_text(call.id, code, "no"), now);
    }
    Answer told() {
        const auto answers = charger.take_answers();
        REQUIRE(answers.size() == 1);
        return answers.front();
    }
    void boot() {
        charger.opened(now);
        answer(sent(), R"({"status":"Accepted","interval":300,"currentTime":"x"})");
        CHECK(told().meaning == Meaning::right);
        REQUIRE(charger.free());
    }
    Frame call(CallKind kind) {
        charger.call(kind, now);
        return sent();
    }
    void start_transaction(int number) {
        answer(call(CallKind::start), started(number));
        CHECK(told().meaning == Meaning::right);
    }
    static std::string started(int number, const std::string& status = "Accepted") {
        return R"({"transactionId":)" + std::to_string(number) + R"(,"idTagInfo":{"status":")" +
               status + R"("}})";
    }
};

}  // namespace

TEST_CASE("nothing but BootNotification is sent before the boot is accepted") {
    Desk desk;
    desk.charger.opened(desk.now);
    const Frame boot = desk.sent();
    CHECK(boot.action == "BootNotification");
    CHECK(boot.payload.text_at("chargePointVendor"));
    CHECK(boot.payload.text_at("chargePointModel")->size() <= 20);
    CHECK_FALSE(desk.charger.free());
    desk.charger.clean_up(desk.now);
    CHECK(desk.silent());
    desk.answer(boot, R"({"status":"Accepted","interval":300})");
    CHECK(desk.charger.state() == ChargerState::ready);
}

TEST_CASE("a boot that is pending is sent again after the interval it was given") {
    for (const char* status : {"Pending", "Rejected"}) {
        Desk desk;
        desk.charger.opened(desk.now);
        desk.answer(desk.sent(), std::string(R"({"interval":40,"status":")") + status + "\"}");
        CHECK(desk.told().meaning ==
              (std::string(status) == "Pending" ? Meaning::pending : Meaning::refused));
        CHECK(desk.charger.state() == ChargerState::held);
        CHECK(desk.charger.refused());
        CHECK(desk.charger.wake_at() == desk.now + 40s);
        desk.now += 39s;
        desk.charger.on_time(desk.now);
        CHECK(desk.silent());
        desk.now += 1s;
        desk.charger.on_time(desk.now);
        desk.answer(desk.sent(), R"({"status":"Accepted","interval":0})");
        CHECK(desk.charger.free());
        CHECK_FALSE(desk.charger.refused());
    }
}

TEST_CASE("an interval of zero or of years does not flood or silence the charger") {
    for (const auto& [interval, wait] : {std::pair{"0", 15s}, {"999999999", 300s}, {"-3", 15s}}) {
        Desk desk;
        desk.charger.opened(desk.now);
        desk.answer(desk.sent(),
                    std::string(R"({"status":"Rejected","interval":)") + interval + "}");
        CHECK(desk.charger.wake_at() == desk.now + wait);
    }
}

TEST_CASE("an unanswered boot is sent again, and its late answer counts all the same") {
    Desk desk;
    desk.charger.opened(desk.now);
    const Frame first = desk.sent();
    desk.now += 15s;
    desk.charger.on_time(desk.now);
    const Frame second = desk.sent();
    CHECK(second.action == "BootNotification");
    CHECK(second.id != first.id);
    desk.answer(first, R"({"status":"Accepted","interval":0})");
    CHECK(desk.charger.free());
    CHECK(desk.charger.counters().late_answers == 1);
    desk.answer(second, R"({"status":"Accepted","interval":0})");
    CHECK(desk.charger.free());
    CHECK(desk.charger.counters().late_answers == 2);
}

TEST_CASE("a boot answered with an error or nonsense is wrong, and tried again") {
    Desk desk;
    desk.charger.opened(desk.now);
    desk.refuse(desk.sent(), "InternalError");
    CHECK(desk.told().meaning == Meaning::wrong);
    CHECK_FALSE(desk.charger.refused());
    desk.now += 15s;
    desk.charger.on_time(desk.now);
    desk.answer(desk.sent(), R"({"status":"Maybe","interval":1})");
    CHECK(desk.told().meaning == Meaning::wrong);
    desk.now += 15s;
    desk.charger.on_time(desk.now);
    desk.sent();
    desk.charger.receive("nonsense", desk.now);
    CHECK(desk.told().meaning == Meaning::malformed);
    CHECK(desk.charger.state() == ChargerState::held);
}

TEST_CASE("a plain reconnect sends no boot, and no id is used twice") {
    Desk desk;
    desk.boot();
    const Frame first = desk.call(CallKind::heartbeat);
    desk.charger.lost(desk.now);
    CHECK(desk.charger.state() == ChargerState::offline);
    desk.charger.opened(desk.now);
    CHECK(desk.silent());
    CHECK(desk.charger.free());
    const Frame second = desk.call(CallKind::heartbeat);
    CHECK(second.id != first.id);
    CHECK(second.id.starts_with("run1-"));
}

TEST_CASE("a charger whose boot was lost with its connection boots on the next") {
    Desk desk;
    desk.charger.opened(desk.now);
    desk.sent();
    desk.charger.lost(desk.now);
    desk.charger.opened(desk.now);
    CHECK(desk.sent().action == "BootNotification");
}

TEST_CASE("SecurityError makes the charger boot again") {
    Desk desk;
    desk.boot();
    desk.refuse(desk.call(CallKind::heartbeat), "SecurityError");
    CHECK(desk.told().meaning == Meaning::wrong);
    const Frame boot = desk.sent();
    CHECK(boot.action == "BootNotification");
    desk.answer(boot, R"({"status":"Accepted","interval":0})");
    CHECK(desk.charger.free());
}

TEST_CASE("a heartbeat is right only with a time") {
    Desk desk;
    desk.boot();
    desk.answer(desk.call(CallKind::heartbeat), R"({"currentTime":"2026-03-18T22:00:00Z"})");
    CHECK(desk.told().meaning == Meaning::right);
    desk.answer(desk.call(CallKind::heartbeat), "{}");
    CHECK(desk.told().meaning == Meaning::wrong);
    desk.refuse(desk.call(CallKind::heartbeat), "NotImplemented");
    CHECK(desk.told().meaning == Meaning::wrong);
}

TEST_CASE("start, meter values and stop belong together, and leave nothing") {
    Desk desk;
    desk.boot();
    const Frame start = desk.call(CallKind::start);
    CHECK(start.action == "StartTransaction");
    CHECK(start.payload.integer_at("connectorId") == 1);
    CHECK(start.payload.text_at("idTag") == "VOLTCANARY");
    CHECK(start.payload.integer_at("meterStart") == 0);
    CHECK(start.payload.text_at("timestamp")->ends_with("Z"));
    desk.answer(start, Desk::started(77));
    CHECK(desk.told().meaning == Meaning::right);
    CHECK_FALSE(desk.charger.clean(desk.now));
    desk.charger.clean_up(desk.now);
    CHECK(desk.silent());  // the owner holds it
    const Frame meter = desk.call(CallKind::meter);
    CHECK(meter.action == "MeterValues");
    CHECK(meter.payload.integer_at("transactionId") == 77);
    desk.answer(meter, "{}");
    CHECK(desk.told().meaning == Meaning::right);
    const Frame stop = desk.call(CallKind::stop);
    CHECK(stop.action == "StopTransaction");
    CHECK(stop.payload.integer_at("transactionId") == 77);
    CHECK(stop.payload.integer_at("meterStop") == 0);
    desk.answer(stop, "{}");
    CHECK(desk.told().meaning == Meaning::right);
    CHECK(desk.charger.clean(desk.now));
    CHECK(desk.charger.counters().cleanups == 0);
}

TEST_CASE(
    "an id tag that is not accepted is refused, and what was started all the same is stopped") {
    Desk desk;
    desk.boot();
    desk.answer(desk.call(CallKind::start), Desk::started(0, "Invalid"));
    CHECK(desk.told().meaning == Meaning::refused);
    CHECK(desk.charger.clean(desk.now));
    desk.answer(desk.call(CallKind::start), Desk::started(5, "Blocked"));
    CHECK(desk.told().meaning == Meaning::refused);
    desk.charger.clean_up(desk.now);
    const Frame stop = desk.sent();
    CHECK(stop.payload.integer_at("transactionId") == 5);
    desk.answer(stop, "{}");
    CHECK(desk.charger.clean(desk.now));
    CHECK(desk.charger.counters().cleanups == 1);
}

TEST_CASE("a start without a transaction or a status is wrong") {
    Desk desk;
    desk.boot();
    desk.answer(desk.call(CallKind::start), R"({"idTagInfo":{"status":"Accepted"}})");
    CHECK(desk.told().meaning == Meaning::wrong);
    desk.answer(desk.call(CallKind::start),
                R"({"transactionId":"7","idTagInfo":{"status":"Accepted"}})");
    CHECK(desk.told().meaning == Meaning::wrong);
    desk.answer(desk.call(CallKind::start), R"({"transactionId":7})");
    CHECK(desk.told().meaning == Meaning::wrong);
    desk.charger.clean_up(desk.now);
    CHECK(desk.sent().payload.integer_at("transactionId") == 7);
}

TEST_CASE("a transaction that its owner leaves, or loses with the connection, is stopped") {
    Desk desk;
    desk.boot();
    desk.start_transaction(11);
    desk.charger.leave_transaction(desk.now);
    desk.charger.clean_up(desk.now);
    CHECK(desk.sent().payload.integer_at("transactionId") == 11);
    desk.charger.lost(desk.now);
    desk.charger.clean_up(desk.now);
    CHECK(desk.silent());
    desk.charger.opened(desk.now);
    desk.charger.clean_up(desk.now);
    const Frame stop = desk.sent();
    CHECK(stop.payload.integer_at("transactionId") == 11);
    desk.answer(stop, "{}");
    CHECK(desk.charger.clean(desk.now));
}

TEST_CASE("a start answered after it was given up leads to a stop") {
    Desk desk;
    desk.boot();
    const Frame start = desk.call(CallKind::start);
    desk.charger.give_up(desk.now, desk.now + 10s);
    CHECK_FALSE(desk.charger.clean(desk.now));
    CHECK(desk.charger.clean(desk.now + 10s));  // no answer came in time
    desk.answer(start, Desk::started(21));
    CHECK(desk.charger.counters().late_answers == 1);
    CHECK(desk.charger.take_answers().empty());
    CHECK_FALSE(desk.charger.clean(desk.now + 10s));
    desk.charger.clean_up(desk.now);
    const Frame stop = desk.sent();
    CHECK(stop.payload.integer_at("transactionId") == 21);
    desk.answer(stop, "{}");
    CHECK(desk.charger.clean(desk.now));
    desk.answer(start, Desk::started(21));
    CHECK(desk.charger.counters().duplicates == 1);
    CHECK(desk.charger.clean(desk.now));
}

TEST_CASE("even a start that is forgotten leads to a stop when its answer comes") {
    Desk desk;
    desk.boot();
    const Frame start = desk.call(CallKind::start);
    desk.charger.give_up(desk.now, desk.now);
    for (int i = 0; i < 100; ++i) {
        desk.answer(desk.call(CallKind::heartbeat), R"({"currentTime":"x"})");
        desk.charger.take_answers();
    }
    desk.answer(start, Desk::started(22));
    CHECK(desk.charger.counters().unmatched == 1);
    desk.charger.clean_up(desk.now);
    CHECK(desk.sent().payload.integer_at("transactionId") == 22);
}

TEST_CASE("an unanswered clean-up is tried again, less and less often") {
    Desk desk;
    desk.boot();
    desk.start_transaction(31);
    desk.charger.leave_transaction(desk.now);
    for (const Duration wait : {30s, 60s, 120s}) {
        desk.charger.clean_up(desk.now);
        CHECK(desk.sent().action == "StopTransaction");
        desk.now += 15s;
        desk.charger.on_time(desk.now);
        CHECK(desk.charger.free());
        desk.charger.clean_up(desk.now);
        CHECK(desk.silent());
        CHECK(desk.charger.wake_at() == desk.now + wait);
        desk.now += wait;
    }
    desk.charger.clean_up(desk.now);
    desk.answer(desk.sent(), "{}");
    CHECK(desk.charger.clean(desk.now));
    CHECK(desk.charger.counters().cleanups == 1);
}

TEST_CASE("a stop that the peer refuses five times is given up, and counted") {
    Desk desk;
    desk.boot();
    desk.start_transaction(41);
    desk.refuse(desk.call(CallKind::stop), "InternalError");
    CHECK(desk.told().meaning == Meaning::wrong);
    desk.charger.leave_transaction(desk.now);
    for (int i = 0; i < 4; ++i) {
        CHECK_FALSE(desk.charger.clean(desk.now));
        desk.now += 10min;
        desk.charger.clean_up(desk.now);
        desk.refuse(desk.sent(), "GenericError");
    }
    CHECK(desk.charger.clean(desk.now));
    CHECK(desk.charger.counters().cleanups_given_up == 1);
}

TEST_CASE("no more is started when too much is left to be stopped") {
    Desk desk;
    desk.boot();
    int started = 0;
    while (desk.charger.may_start() && started < 1000) {
        desk.start_transaction(++started);
        desk.charger.leave_transaction(desk.now);
    }
    CHECK(started == 32);
    desk.charger.clean_up(desk.now);
    desk.answer(desk.sent(), "{}");
    CHECK(desk.charger.may_start());
}

TEST_CASE("every call of the peer is answered, also while ours is open") {
    Desk desk;
    desk.boot();
    desk.call(CallKind::heartbeat);
    for (const char* action :
         {"GetConfiguration", "ChangeConfiguration", "ChangeAvailability", "Reset",
          "RemoteStartTransaction", "RemoteStopTransaction", "UnlockConnector", "ClearCache",
          "TriggerMessage", "DataTransfer", "GetLocalListVersion", "SendLocalList"}) {
        desk.charger.receive(call_text("in-1", action, "{}"), desk.now);
        const Frame answer = desk.sent();
        CHECK(answer.kind == FrameKind::result);
        CHECK(answer.id == "in-1");
    }
    desk.charger.receive(call_text("in-2", "SetChargingProfile", "{}"), desk.now);
    Frame answer = desk.sent();
    CHECK(answer.kind == FrameKind::error);
    CHECK(answer.code == "NotImplemented");
    desk.charger.receive(R"([2,"in-3","Reset",7])", desk.now);
    answer = desk.sent();
    CHECK(answer.id == "in-3");
    CHECK(answer.code == "FormationViolation");
    CHECK(desk.charger.counters().malformed == 1);
    CHECK(desk.charger.take_answers().empty());  // our heartbeat still waits
}

TEST_CASE("answers with a wrong id, twice, or of an unknown type are counted and change nothing") {
    Desk desk;
    desk.boot();
    const Frame heartbeat = desk.call(CallKind::heartbeat);
    desk.charger.receive(result_text("nobody", "{}"), desk.now);
    desk.charger.receive(result_text("run1-999999", R"({"transactionId":4})"), desk.now);
    desk.charger.receive("[6,\"x\",\"y\",{}]", desk.now);
    CHECK(desk.charger.counters().unmatched == 3);
    CHECK(desk.charger.take_answers().empty());
    desk.answer(heartbeat, R"({"currentTime":"x"})");
    CHECK(desk.told().meaning == Meaning::right);
    desk.answer(heartbeat, R"({"currentTime":"x"})");
    CHECK(desk.charger.counters().duplicates == 1);
    CHECK(desk.charger.take_answers().empty());
    CHECK(desk.charger.clean(desk.now));
}

TEST_CASE("text that is no OCPP while a call is open ends that call as malformed") {
    Desk desk;
    desk.boot();
    desk.call(CallKind::heartbeat);
    desk.charger.receive("{", desk.now);
    CHECK(desk.told().meaning == Meaning::malformed);
    CHECK(desk.charger.free());
    desk.charger.receive("{", desk.now);
    CHECK(desk.charger.counters().malformed == 2);
    CHECK(desk.charger.take_answers().empty());
}

}  // namespace vc
