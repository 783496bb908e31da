#include "probes/bridge/session.h"

#include <utility>

#include "probes/fresh.h"
#include "probes/ocpp/session.h"
#include "probes/random.h"

namespace vc {
namespace {

constexpr std::string_view ping_payload = "voltcanary";

// Phases: upgrade, then `call` from ping to pong.
class Handshake : public Dialogue {
  public:
    Handshake(const WebSocketRequest& request, std::uint64_t seed)
        : subprotocol_(request.subprotocol), websocket_(request, seed) {}

    void on_connect(Instant now) override { watch_.start(now); }

    void on_bytes(std::string_view bytes, Instant now) override {
        websocket_.receive(bytes);
        for (const WebSocketEvent& event : websocket_.take_events()) {
            if (!end_) handle(event, now);
        }
    }

    std::string take_bytes() override { return websocket_.take_bytes(); }
    std::optional<End> end() const override { return end_; }
    Phase phase() const override { return phase_; }
    std::vector<PhaseTime> phases() const override { return watch_.phases(); }
    void count_into(SessionCounters& counters) const override { counters.malformed += broken_; }

  private:
    void handle(const WebSocketEvent& event, Instant now) {
        switch (event.kind) {
            case WebSocketEvent::Kind::opened:
                watch_.done(Phase::upgrade, now);
                if (event.text != subprotocol_) {
                    end_ = End{Outcome::wrong_answer, Phase::upgrade};
                    break;
                }
                phase_ = Phase::call;
                websocket_.ping(ping_payload);
                break;
            case WebSocketEvent::Kind::message:
                break;
            case WebSocketEvent::Kind::pong:
                if (event.text != ping_payload) break;
                watch_.done(Phase::call, now);
                end_ = End{};
                websocket_.close();
                break;
            case WebSocketEvent::Kind::closed:
                end_ = End{Outcome::reset, phase_};
                break;
            case WebSocketEvent::Kind::failed:
                if (event.code == 0) ++broken_;
                end_ =
                    End{event.code != 0 ? outcome_of_upgrade_status(event.code) : Outcome::protocol,
                        phase_};
                break;
        }
    }

    std::string subprotocol_;
    WebSocket websocket_;
    PhaseWatch watch_;
    Phase phase_ = Phase::upgrade;
    std::optional<End> end_;
    std::uint64_t broken_ = 0;
};

}  // namespace

std::unique_ptr<Session> make_bridge_session(WebSocketRequest request, std::uint64_t seed) {
    return std::make_unique<FreshSession>(
        [request = std::move(request), random = Random{seed}](const Attempt&) mutable {
            return std::make_unique<Handshake>(request, random.next());
        });
}

}  // namespace vc
