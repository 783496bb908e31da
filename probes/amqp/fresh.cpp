// The fresh form of the direct probe: one connection, one message, an orderly close.
#include <memory>
#include <utility>

#include "probes/amqp/session.h"
#include "probes/fresh.h"

namespace vc {
namespace {

class OneMessage : public Dialogue {
  public:
    OneMessage(const AmqpProbeOptions& options, std::shared_ptr<Roundtrip> roundtrip,
               std::uint64_t connection)
        : options_(options), roundtrip_(std::move(roundtrip)), connection_(connection) {}

    void on_connect(Instant now) override {
        link_.emplace(options_.connection, options_.entity, now);
    }

    void on_bytes(std::string_view bytes, Instant now) override {
        link_->receive(bytes, now);
        step(now);
    }

    void on_time(Instant now) override {
        link_->tick(now);
        step(now);
    }

    std::string take_bytes() override { return link_->engine().take_bytes(); }
    std::optional<End> end() const override { return end_; }
    Phase phase() const override { return link_->ready() ? phase_ : link_->phase(); }
    std::optional<Instant> wake_at() const override { return link_->engine().wake_at(); }

    std::vector<PhaseTime> phases() const override {
        std::vector<PhaseTime> all = link_->phases();
        all.insert(all.end(), own_.begin(), own_.end());
        return all;
    }

    void count_into(SessionCounters& counters) const override {
        counters.unmatched += foreign_;
        counters.duplicates += twice_;
        counters.late_answers += late_;
        if (link_->broke_protocol()) ++counters.malformed;
    }

  private:
    void step(Instant now) {
        if (link_->ready() && number_ == 0) {
            number_ = roundtrip_->issue();
            phase_ = Phase::send_settle;
            since_ = now;
            link_->engine().send(number_, roundtrip_->body(number_));
        }
        // Accepting may complete at once, which makes new events.
        for (auto events = link_->take_events(); !events.empty(); events = link_->take_events()) {
            for (const AmqpEvent& event : events)
                handle(event, now);
        }
        if (!end_ && settled_ && completed_ && phase_ != Phase::close) {
            phase_ = Phase::close;
            since_ = now;
            link_->close();
        }
        if (!end_ && link_->closed()) {
            own_.push_back({Phase::close, now - since_});
            end_ = twice_ > 0 ? End{Outcome::duplicate, Phase::send_receive} : End{};
        }
        if (!end_ && link_->broken()) end_ = End{link_->broken()->outcome, phase()};
        if (end_ && number_ != 0) roundtrip_->give_up(number_);
    }

    void handle(const AmqpEvent& event, Instant now) {
        if (event.kind == AmqpEvent::Kind::settled) on_settled(event, now);
        if (event.kind == AmqpEvent::Kind::message) on_message(event, now);
        if (event.kind == AmqpEvent::Kind::completed && event.delivery == delivery_) {
            completed_ = true;
            own_.push_back({Phase::complete_settle, now - received_at_});
        }
    }

    void on_settled(const AmqpEvent& event, Instant now) {
        own_.push_back({Phase::send_settle, now - since_});
        const Outcome outcome = outcome_of_settlement(event);
        if (outcome != Outcome::ok) {
            end_ = End{outcome, Phase::send_settle};
            return;
        }
        settled_ = true;
        if (phase_ == Phase::send_settle) phase_ = Phase::send_receive;
        if (delivery_ != 0) phase_ = Phase::complete_settle;
    }

    void on_message(const AmqpEvent& event, Instant now) {
        const auto [arrival, number] = roundtrip_->received(event.text, connection_);
        if (arrival == Roundtrip::Arrival::first && number == number_) {
            own_.push_back({Phase::send_receive, now - since_});
            delivery_ = event.delivery;
            received_at_ = now;
            if (settled_) phase_ = Phase::complete_settle;
        } else if (arrival == Roundtrip::Arrival::duplicate) {
            ++twice_;
        } else if (arrival == Roundtrip::Arrival::foreign) {
            ++foreign_;
        } else {
            ++late_;
        }
        link_->accept(event.delivery, now);
    }

    AmqpProbeOptions options_;
    // Shared with the other dialogues of the session, which come and go: late tokens of one
    // attempt arrive in the next.
    std::shared_ptr<Roundtrip> roundtrip_;
    std::uint64_t connection_;
    std::optional<AmqpLink> link_;
    std::uint64_t number_ = 0;
    std::uint64_t delivery_ = 0;
    Phase phase_ = Phase::send_settle;
    Instant since_{};
    Instant received_at_{};
    bool settled_ = false;
    bool completed_ = false;
    std::uint64_t foreign_ = 0;
    std::uint64_t twice_ = 0;
    std::uint64_t late_ = 0;
    std::vector<PhaseTime> own_;
    std::optional<End> end_;
};

}  // namespace

std::unique_ptr<Session> make_fresh_amqp_session(AmqpProbeOptions options) {
    auto roundtrip = std::make_shared<Roundtrip>(options.run);
    return std::make_unique<FreshSession>(
        [options = std::move(options), roundtrip, made = std::uint64_t{0}](const Attempt&) mutable {
            return std::make_unique<OneMessage>(options, roundtrip, ++made);
        });
}

}  // namespace vc
