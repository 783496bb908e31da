#include "tests/lab/charger.h"

#include <array>
#include <cstdio>

#include "tests/lab/ocpp_frame.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

constexpr Duration answer_patience = 10s;  // then it is asked again
constexpr Duration harm_after = 5s;
constexpr Duration upgrade_patience = 10s;
constexpr Duration after_error = 5s;
constexpr std::size_t most_queued = 1000;
constexpr std::array<Duration, 5> backoffs{500ms, 1s, 2s, 4s, 5s};

std::string name_of(std::size_t number) {
    char text[32];
    std::snprintf(text, sizeof text, "CP-%04zu", number + 1);
    return text;
}

}  // namespace

Charger::Charger(Agenda& agenda, std::uint64_t seed, std::size_t number, std::uint16_t bridge,
                 ChargerPace pace, Ledger& ledger, Harm& harm)
    : agenda_(agenda),
      random_(seed, "charger/" + name_of(number)),
      number_(number),
      identity_(name_of(number)),
      bridge_(bridge),
      pace_(pace),
      ledger_(ledger),
      harm_(harm) {
    enqueue("BootNotification", R"({"chargePointVendor":"Lab","chargePointModel":"Load"})");
    reconnect_ = agenda_.after(random_.below(pace_.spread), [this] { connect(); });
}

Charger::~Charger() {
    if (socket_) socket_->abandon();
}

void Charger::connect() {
    WsConnection::Events events;
    events.on_open = [this] { opened(); };
    events.on_text = [this](const std::string& text) { received(text); };
    events.on_closed = [this] { closed(); };
    socket_ =
        ws_connect(agenda_, bridge_, "/ocpp/" + identity_, upgrade_patience, std::move(events));
}

void Charger::opened() {
    if (was_online_) ++counts_.reconnects;
    online_ = true;
    was_online_ = true;
    backoff_ = 0;
    judge();
    send_head();
}

void Charger::closed() {
    online_ = false;
    in_call_ = false;
    answer_.cancel();
    socket_.reset();
    judge();
    const Duration wait = backoffs[backoff_] + random_.below(500ms);
    if (backoff_ + 1 < backoffs.size()) ++backoff_;
    reconnect_ = agenda_.after(wait, [this] { connect(); });
}

void Charger::enqueue(const std::string& action, const std::string& payload) {
    if (queue_.size() >= most_queued) {
        ++counts_.dropped;
        return;
    }
    queue_.push_back({action, payload, {}, {}});
    send_head();
}

void Charger::send_head() {
    if (!online_ || in_call_ || queue_.empty()) return;
    Call& head = queue_.front();
    const Instant now = agenda_.now();
    const bool kept = is_transaction(head.action);
    if (head.id.empty() || !kept) {
        char text[32];
        std::snprintf(text, sizeof text, "%s:%06llu", identity_.c_str(),
                      static_cast<unsigned long long>(next_id_++));
        if (head.id.empty()) {
            head.first_sent = now;
            overdue_timer_ = agenda_.after(harm_after, [this] {
                overdue_ = true;
                judge();
            });
        }
        head.id = text;
        if (kept) ledger_.sent(identity_ + ":" + head.id);
    }
    in_call_ = true;
    answer_ = agenda_.after(answer_patience, [this] { timed_out(); });
    socket_->send(call(head.id, head.action, head.payload));
}

void Charger::timed_out() {
    ++counts_.timeouts;
    failing_ = true;
    in_call_ = false;
    judge();
    send_head();
}

void Charger::received(const std::string& text) {
    const auto frame = read_frame(text);
    if (!frame || frame->type == 2 || !in_call_ || queue_.empty()) return;
    if (frame->id != queue_.front().id) return;  // the answer to an earlier try
    answer_.cancel();
    if (frame->type == 4) {
        ++counts_.errors;
        failing_ = true;
        judge();
        answer_ = agenda_.after(after_error, [this] {
            in_call_ = false;
            send_head();
        });
        return;
    }
    ++counts_.answered;
    in_call_ = false;
    failing_ = false;
    overdue_ = false;
    overdue_timer_.cancel();
    const Call call = std::move(queue_.front());
    queue_.pop_front();
    judge();
    answered(call, frame->payload);
    send_head();
}

void Charger::answered(const Call& call, const std::string& payload) {
    if (call.action == "BootNotification") {
        enqueue("StatusNotification",
                R"({"connectorId":1,"errorCode":"NoError","status":"Available"})");
        heartbeat_later(random_.below(pace_.heartbeat));
        transaction_timer_ = agenda_.after(random_.below(pace_.transaction + pace_.pause),
                                           [this] { begin_transaction(); });
    } else if (call.action == "StartTransaction") {
        transaction_started(number_in(payload, "transactionId"));
    } else if (call.action == "StopTransaction") {
        transaction_timer_ = agenda_.after(pace_.pause, [this] { begin_transaction(); });
    }
}

void Charger::heartbeat_later(Duration wait) {
    heartbeat_ = agenda_.after(wait, [this] {
        // One that waits in the queue says all that a second one could.
        if (!paused_ && queue_.empty()) enqueue("Heartbeat", "{}");
        heartbeat_later(pace_.heartbeat);
    });
}

std::string Charger::timestamp() const {
    return "\"" + to_text(agenda_.now()) + "\"";
}

void Charger::begin_transaction() {
    if (paused_) {
        transaction_timer_ = agenda_.after(pace_.pause, [this] { begin_transaction(); });
        return;
    }
    enqueue("StartTransaction", R"({"connectorId":1,"idTag":"LOAD","meterStart":)" +
                                    std::to_string(meter_wh_) + ",\"timestamp\":" + timestamp() +
                                    "}");
}

void Charger::transaction_started(long long transaction) {
    transaction_ = transaction;
    meter_timer_ = agenda_.after(pace_.meter, [this] { meter(); });
    transaction_timer_ = agenda_.after(pace_.transaction, [this] { stop_transaction(); });
}

void Charger::meter() {
    meter_timer_ = agenda_.after(pace_.meter, [this] { meter(); });
    meter_wh_ += 15;
    if (paused_) return;
    enqueue("MeterValues", R"({"connectorId":1,"transactionId":)" + std::to_string(transaction_) +
                               R"(,"meterValue":[{"timestamp":)" + timestamp() +
                               R"(,"sampledValue":[{"value":")" + std::to_string(meter_wh_) +
                               R"("}]}]})");
}

void Charger::stop_transaction() {
    if (paused_) {
        transaction_timer_ = agenda_.after(pace_.pause, [this] { stop_transaction(); });
        return;
    }
    meter_timer_.cancel();
    enqueue("StopTransaction", R"({"transactionId":)" + std::to_string(transaction_) +
                                   ",\"meterStop\":" + std::to_string(meter_wh_) +
                                   ",\"timestamp\":" + timestamp() + R"(,"reason":"Local"})");
    transaction_ = 0;
}

void Charger::judge() {
    harm_.set(number_, was_online_ && (!online_ || failing_ || overdue_));
}

}  // namespace vc::lab
