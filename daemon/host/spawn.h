// Starts a named coroutine that nobody waits for. An exception that escapes it is a bug of ours:
// the task is named and the process ends, so that systemd restarts it, rather than that one task
// is missing from then on.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>

namespace vc {

template <class Executor>
void spawn(const Executor& executor, std::string name, boost::asio::awaitable<void> task) {
    const auto on_end = [name = std::move(name)](std::exception_ptr escaped) {
        if (!escaped) return;
        try {
            std::rethrow_exception(escaped);
        } catch (const std::exception& thrown) {
            std::fprintf(stderr, "task %s ended with: %s\n", name.c_str(), thrown.what());
        } catch (...) {
            std::fprintf(stderr, "task %s ended with an unknown exception\n", name.c_str());
        }
        std::abort();
    };
    boost::asio::co_spawn(executor, std::move(task), on_end);
}

}  // namespace vc
