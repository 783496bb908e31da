#include "daemon/credentials/secret_watch.h"

#include <utility>

namespace vc {

SecretWatch::SecretWatch(boost::asio::io_context& io, const Clock& clock)
    : clock_(clock), change_(io.get_executor()), worker_(io) {}

void SecretWatch::watch(const SecretSource& source, Secret known, Told told) {
    if (!source.can_change()) return;
    watched_.push_back({source, std::move(known), std::nullopt, false, std::move(told)});
}

boost::asio::awaitable<void> SecretWatch::run() {
    while (!stopping_ && !watched_.empty()) {
        co_await change_.wait_for(clock_.to_machine(every));
        // A look that takes longer than this is waited for, not joined by another.
        if (!stopping_ && !looking_) look();
    }
}

void SecretWatch::look() {
    looking_ = true;
    std::vector<SecretSource> sources;
    for (const Watched& one : watched_)
        sources.push_back(one.source);
    const auto read_all = [sources = std::move(sources)] {
        std::vector<Result<Secret>> read;
        for (const SecretSource& source : sources)
            read.push_back(read_secret(source));
        return read;
    };
    worker_.submit(read_all, [this](std::vector<Result<Secret>> read) {
        looking_ = false;
        for (std::size_t i = 0; i < read.size() && !stopping_; ++i)
            compare(watched_[i], std::move(read[i]));
    });
}

void SecretWatch::compare(Watched& one, Result<Secret> read) {
    if (!read) {
        one.candidate.reset();
        if (!std::exchange(one.unreadable, true)) one.told(tl::unexpected(read.error()));
        return;
    }
    one.unreadable = false;
    if (read->is(one.known)) {
        one.candidate.reset();
    } else if (one.candidate && read->is(*one.candidate)) {
        one.candidate.reset();
        one.known = std::move(*read);
        one.told(one.known);
    } else {
        one.candidate = std::move(*read);
    }
}

void SecretWatch::stop() {
    stopping_ = true;
    change_.raise();
}

}  // namespace vc
