// Runs the hooks of a migration, one program or request for each RunHook the core orders. Owned by
// the App, on its thread; never blocks it. Every run ends in one HookFinished, at the latest some
// seconds after its step's deadline, unless the Hooks are destroyed first: then what runs is
// killed and nothing is reported, so its start stays on record without an end, and the next daemon
// asks `verify` before it does anything.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "daemon/hooks/command.h"
#include "daemon/hooks/text.h"
#include "daemon/host/clock.h"
#include "rules/batch.h"
#include "rules/event.h"

namespace boost::asio {
class io_context;
}

namespace vc {

class Hooks {
  public:
    using Finished = std::function<void(HookFinished)>;

    Hooks(boost::asio::io_context& io, Clock clock, std::vector<HookDefinition> definitions);
    ~Hooks();
    Hooks(const Hooks&) = delete;
    Hooks& operator=(const Hooks&) = delete;

    // `finished` comes later, from the io_context, never from within run(). A verb without a
    // command: `plan` is done; `verify` and `undo` fail, so that nobody takes silence for proof.
    void run(RunHook order, Finished finished);

    // No more runs: further orders are dropped unreported, as if the daemon had died before them.
    // What runs goes on and is reported.
    void stop();

    std::size_t in_flight() const;

  private:
    struct State;
    // Shared with the runs in flight, which may end after the Hooks.
    std::shared_ptr<State> state_;
};

// Whether an order that has waited `waited` (for a disk that was full) must not be carried out any
// more: what it was decided on holds for `holds`. Only an apply that would begin something can be
// out of date; one at or past a point of no return that was begun only has the way forward.
bool is_out_of_date(const RunHook& order, Duration waited, Duration holds);

// What a run is told. Visible for tests. The deadline is in machine time: the hook lives in it.
std::vector<HookFact> hook_facts(const RunHook& order, const Clock& clock);

}  // namespace vc
