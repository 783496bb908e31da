#include <utility>

#include "probes/amqp/session.h"
#include "tests/fuzz/harness.h"
#include "tests/probes/amqp_peer.h"

namespace vc::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{500'000h};

class OneToken : public AmqpCredentials {
  public:
    AmqpLogin login() const override { return {}; }
    bool uses_cbs() const override { return true; }
    std::optional<CbsToken> token(std::string_view, Instant now) const override {
        return CbsToken{"jwt", "token", now + 1h};
    }
    std::uint64_t generation() const override { return 0; }
};

// A session and its broker, joined; all that the broker sends is kept.
class Recorder {
  public:
    explicit Recorder(AmqpManners manners)
        : session_(recorded_session()), manners_(std::move(manners)) {}

    void attempt(Channel channel) {
        Attempt attempt;
        attempt.id = AttemptId{++started_};
        attempt.channel = channel;
        attempt.due = start;
        attempt.budget = 2s;
        tape_.push_back({Event::Kind::start});
        take(session_->start(attempt, start));
        for (int i = 0; i < 60; ++i) {
            for (Leg leg = 0; leg < 5; ++leg)
                move(leg);
        }
    }

    Tape tape() && { return std::move(tape_); }

  private:
    void move(Leg leg) {
        if (std::exchange(closing_[leg], false)) {
            peers_[leg].reset();
            tape_.push_back({Event::Kind::close, leg});
            take(session_->on_close(leg, CloseReason::asked, start));
        } else if (std::exchange(wanted_[leg], false)) {
            peers_[leg] = std::make_unique<AmqpPeer>(manners_, store_);
            tape_.push_back({Event::Kind::connect, leg});
            take(session_->on_connect(leg, {}, start));
        } else if (peers_[leg]) {
            peers_[leg]->receive(std::exchange(said_[leg], {}));
            const std::string bytes = peers_[leg]->take_bytes();
            if (bytes.empty()) return;
            tape_.push_back({Event::Kind::piece, leg, bytes});
            take(session_->on_bytes(leg, bytes, start));
        }
    }

    void take(const SessionOutput& out) {
        for (Leg leg = 0; leg < 5; ++leg) {
            said_[leg] += out.legs[leg].bytes;
            if (out.legs[leg].connection == Want::open) wanted_[leg] = true;
            if (out.legs[leg].connection == Want::close) closing_[leg] = true;
        }
    }

    std::unique_ptr<Session> session_;
    AmqpManners manners_;
    AmqpStore store_;
    Tape tape_;
    std::array<std::unique_ptr<AmqpPeer>, 5> peers_;
    std::array<std::string, 5> said_;
    std::array<bool, 5> wanted_{};
    std::array<bool, 5> closing_{};
    std::uint64_t started_ = 0;
};

}  // namespace

std::unique_ptr<Session> recorded_session() {
    AmqpProbeOptions options;
    options.connection.hostname = "broker.example";
    options.connection.container_id = "c";
    options.connection.idle_timeout = 60s;
    options.connection.credentials = std::make_shared<OneToken>();
    options.entity = "canary-0";
    options.fresh_entity = "canary-0-fresh";
    options.management = true;
    options.run = "run";
    options.budget = 2s;
    options.seed = 1;
    return std::make_unique<AmqpSession>(std::move(options));
}

Recordings record() {
    Recordings all;
    std::vector<AmqpManners> kinds(4);
    kinds[1].reject = "com.microsoft:server-busy";
    kinds[2].refuse_receiver = "amqp:not-found";
    kinds[3].token_status = 401;
    for (const AmqpManners& manners : kinds) {
        Recorder recorder(manners);
        for (const Channel channel : taped)
            recorder.attempt(channel);
        all.push_back(std::move(recorder).tape());
    }
    return all;
}

}  // namespace vc::fuzz
