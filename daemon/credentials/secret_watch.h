// Reads the files that secrets stand in again and again, and tells when one has changed, so that a
// key can be rotated without a restart. The files are small and few, and what they hold is compared
// rather than their times: a file system with coarse times, or a link turned to another file, hides
// nothing. A thread of its own reads, because a disk that hangs must not hold up the probes.
//
// On io's thread. Must not be destroyed while io runs.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <vector>

#include "daemon/config/secret_source.h"
#include "daemon/host/clock.h"
#include "daemon/host/deadline.h"
#include "daemon/host/worker.h"

namespace vc {

class SecretWatch {
  public:
    // Rules' time between two looks; a rotation is taken up within about two of them.
    static constexpr Duration every = std::chrono::seconds(3);

    SecretWatch(boost::asio::io_context& io, const Clock& clock);

    // `known` is what is in use now. `told` gets the new secret once it was read the same twice in
    // a row (a file may be met half written); or, once, why it can no longer be read. What cannot
    // change is not watched.
    using Told = std::function<void(Result<Secret>)>;
    void watch(const SecretSource& source, Secret known, Told told);

    // Spawned once; ends after stop().
    boost::asio::awaitable<void> run();
    void stop();

  private:
    struct Watched {
        SecretSource source;
        Secret known;
        std::optional<Secret> candidate;
        bool unreadable = false;
        Told told;
    };
    void look();
    static void compare(Watched& one, Result<Secret> read);

    Clock clock_;
    Signal change_;
    std::vector<Watched> watched_;
    bool looking_ = false;
    bool stopping_ = false;
    Worker worker_;  // last: its jobs end before what they report to
};

}  // namespace vc
