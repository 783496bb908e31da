#include "daemon/host/worker.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <vector>

#include "tests/daemon/loop.h"

namespace vc {

TEST_CASE("a worker's jobs run on another thread, in order, and hand their results back home") {
    boost::asio::io_context io;
    const auto home = std::this_thread::get_id();
    std::vector<int> order;
    bool elsewhere = true;
    {
        Worker worker(io);
        for (int i = 0; i < 100; ++i) {
            worker.submit([i, home] { return std::pair(i, std::this_thread::get_id() != home); },
                          [&](std::pair<int, bool> result) {
                              order.push_back(result.first);
                              elsewhere = elsewhere && result.second;
                              CHECK(std::this_thread::get_id() == home);
                          });
        }
        // Ends by itself: jobs under way keep the loop alive, an idle worker does not.
        io.run();
    }
    REQUIRE(order.size() == 100);
    for (int i = 0; i < 100; ++i)
        CHECK(order[static_cast<std::size_t>(i)] == i);
    CHECK(elsewhere);
}

TEST_CASE("a worker that is destroyed has run what it was given") {
    boost::asio::io_context io;
    auto done = std::make_shared<std::vector<int>>();
    {
        Worker worker(io);
        for (int i = 0; i < 10; ++i) {
            worker.submit(
                [done, i] {
                    done->push_back(i);
                    return true;
                },
                [](bool) {});
        }
    }
    CHECK(done->size() == 10);
}

TEST_CASE("a worker carries results that can only be moved") {
    boost::asio::io_context io;
    Worker worker(io);
    std::unique_ptr<int> got;
    worker.submit([given = std::make_unique<int>(7)]() mutable { return std::move(given); },
                  [&](std::unique_ptr<int> result) { got = std::move(result); });
    io.run();
    REQUIRE(got);
    CHECK(*got == 7);
}

}  // namespace vc
