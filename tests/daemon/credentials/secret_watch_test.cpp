#include "daemon/credentials/secret_watch.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "daemon/host/file.h"
#include "daemon/host/spawn.h"
#include "tests/daemon/loop.h"

using namespace vc;
using namespace std::chrono_literals;

namespace {

struct Watching {
    Watching() {
        REQUIRE(write_file(source.path, "first").has_value());
        watch.watch(source, Secret("first"), [this](Result<Secret> secret) {
            told.push_back(secret ? "secret " + secret->reveal() : secret.error().message);
        });
        spawn(io.get_executor(), "watch", watch.run());
    }
    ~Watching() {
        watch.stop();
        test::run_until(io, [this] { return io.stopped(); });
    }
    void write(const std::string& text) { REQUIRE(write_file(source.path, text).has_value()); }
    // Whole looks at the file go by.
    void wait_looks(int looks) {
        const Instant end = clock.now() + looks * SecretWatch::every + 1s;
        REQUIRE(test::run_until(io, [&] { return clock.now() >= end; }));
    }
    bool told_of(std::size_t times) {
        return test::run_until(io, [&] { return told.size() >= times; });
    }

    test::TemporaryDirectory dir;
    boost::asio::io_context io;
    Clock clock{TimeLapse{100, Clock().wall().unix_ns}};
    SecretSource source{SecretSource::Kind::file, "the file", dir.file("secret")};
    std::vector<std::string> told;
    SecretWatch watch{io, clock};
};

}  // namespace

TEST_CASE("a secret that changes is told of once, one that stays is not") {
    Watching one;
    one.wait_looks(3);
    CHECK(one.told.empty());
    one.write("second");
    REQUIRE(one.told_of(1));
    one.wait_looks(4);
    CHECK(one.told == std::vector<std::string>{"secret second"});
    one.write("first");  // back again is a change too
    REQUIRE(one.told_of(2));
    CHECK(one.told.back() == "secret first");
}

TEST_CASE("a file that is replaced, or a link that is turned, is seen whatever its times say") {
    Watching one;
    const auto old = std::filesystem::last_write_time(one.source.path);
    REQUIRE(write_file(one.dir.file("new"), "other").has_value());
    std::filesystem::last_write_time(one.dir.file("new"), old);
    std::filesystem::remove(one.source.path);
    std::filesystem::create_symlink(one.dir.file("new"), one.source.path);
    REQUIRE(one.told_of(1));
    CHECK(one.told == std::vector<std::string>{"secret other"});
}

TEST_CASE("what cannot be read is told once, and what comes after it is read") {
    Watching one;
    std::filesystem::remove(one.source.path);
    REQUIRE(one.told_of(1));
    one.wait_looks(3);
    CHECK(one.told == std::vector<std::string>{"cannot read " + one.source.path +
                                               ": No such file or directory"});
    one.write("second");
    REQUIRE(one.told_of(2));
    CHECK(one.told.back() == "secret second");
    one.write("");
    REQUIRE(one.told_of(3));
    CHECK(one.told.back() == "the file is empty");
}

TEST_CASE("what cannot change is not watched, and nothing keeps the loop") {
    boost::asio::io_context io;
    const Clock clock;
    SecretWatch watch(io, clock);
    watch.watch({SecretSource::Kind::environment, "HOME", ""}, Secret("x"),
                [](const Result<Secret>&) { CHECK(false); });
    spawn(io.get_executor(), "watch", watch.run());
    io.run();
}
