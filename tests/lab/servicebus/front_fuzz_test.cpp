// Seeded mutations of what a real client sends, against a real front: nothing a peer sends may stop
// the process or make it deaf to others.
#include <doctest/doctest.h>

#include <boost/asio/write.hpp>

#include "tests/lab/servicebus/front_bench.h"

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

// Remembers what is written through it.
class Recording : public Transport {
  public:
    Recording(std::unique_ptr<Transport> under, std::string& kept)
        : under_(std::move(under)), kept_(kept) {}
    void write(boost::asio::const_buffer all, Done done) override {
        kept_.append(static_cast<const char*>(all.data()), all.size());
        under_->write(all, std::move(done));
    }
    void close() override { under_->close(); }
    void reset() override { under_->reset(); }
    boost::asio::any_io_executor executor() override { return under_->executor(); }

  protected:
    void read_more(boost::asio::mutable_buffer into, Done done) override {
        under_->read_some(into, std::move(done));
    }

  private:
    std::unique_ptr<Transport> under_;
    std::string& kept_;
};

// A whole visit: login, a token, links of both directions, a message, an outcome, the end.
std::string real_visit(FrontBench& bench) {
    std::string kept;
    {
        Caller caller(bench, std::make_unique<Recording>(plain_transport(bench.dial()), kept));
        caller.open_cbs("node");
        CHECK(caller.put_sas("sb://127.0.0.1/q", {"root", "key"}, 600s).status == 202);
        AttachWish wish;
        wish.session = SessionWish::Any;
        wish.properties["com.microsoft:timeout"] = std::uint64_t{1000};
        const LinkId from = caller.connection->open_receiver("r", "q", 5, wish);
        const LinkId to = caller.connection->open_sender("s", "q");
        CHECK(bench.until([&] { return caller.attached(from) && caller.attached(to); }));
        caller.send(to, "hello", "m1");
        CHECK(bench.until([&] { return caller.outcomes.size() >= 2; }));
        caller.connection->drain(from);
        caller.connection->close_link(to);
        caller.connection->close();
        CHECK(bench.until([&] { return caller.closed; }));
    }
    return kept;
}

// Frames, so that a mutation can leave the lengths right.
std::vector<std::string> frames_of(const std::string& bytes) {
    std::vector<std::string> frames;
    std::string_view rest = bytes;
    while (!rest.empty()) {
        const std::size_t size = frame_size(rest).value_or(0);
        VC_CHECK(size > 0, "the client writes whole frames");
        frames.emplace_back(rest.substr(0, size));
        rest.remove_prefix(size);
    }
    return frames;
}

std::string mutated(std::vector<std::string> frames, Random& random) {
    const auto below = [&](std::size_t limit) {
        return static_cast<std::size_t>(random.ratio() * static_cast<double>(limit));
    };
    for (std::size_t times = 1 + below(4); times > 0; --times) {
        std::string& frame = frames[below(frames.size())];
        const double what = random.ratio();
        if (what < 0.55 && frame.size() > 8) {
            frame[8 + below(frame.size() - 8)] = static_cast<char>(below(256));
        } else if (what < 0.7 && !frame.empty()) {
            frame[below(frame.size())] = static_cast<char>(below(256));
        } else if (what < 0.8) {
            std::swap(frame, frames[below(frames.size())]);
        } else if (what < 0.9) {
            frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(below(frames.size())),
                          frames[below(frames.size())]);
        } else if (frame.size() > 12) {
            frame.erase(10, 1);
            frame[2] = static_cast<char>(frame.size() >> 8);
            frame[3] = static_cast<char>(frame.size());
        }
    }
    std::string bytes;
    for (const std::string& frame : frames)
        bytes += frame;
    return bytes;
}

// Says it all, hears what comes until the other end is gone.
bool visit(FrontBench& bench, const std::string& bytes) {
    Socket socket = bench.dial();
    boost::system::error_code failed;
    boost::asio::write(socket, boost::asio::buffer(bytes), failed);
    socket.shutdown(Socket::shutdown_send, failed);
    bool over = false;
    std::array<char, 4096> in{};
    const std::function<void()> hear = [&] {
        socket.async_read_some(boost::asio::buffer(in),
                               [&](const boost::system::error_code& error, std::size_t) {
                                   over = static_cast<bool>(error);
                                   if (!error) hear();
                               });
    };
    hear();
    return bench.until([&] { return over; });
}

TEST_CASE("mutations of a real visit end their own connection at most") {
    FrontBench bench({{"root", "key", all_rights}});
    const std::vector<std::string> frames = frames_of(real_visit(bench));
    REQUIRE(frames.size() > 12);
    const char* given = std::getenv("VC_FUZZ_VISITS");
    const int visits = given == nullptr ? 400 : std::atoi(given);
    Random random(7, "front/fuzz");
    for (int i = 0; i < visits; ++i)
        REQUIRE_MESSAGE(visit(bench, mutated(frames, random)), i);
    REQUIRE(bench.until([&] { return bench.front.connections() + bench.front.visitors() == 0; }));
    Caller still(bench);
    still.open_cbs();
    CHECK(still.put_sas("sb://127.0.0.1/q", {"root", "key"}, 600s).status == 202);
}

// The canary: the visits reach what they are meant to reach. Unmutated, the broker behind sees the
// message and both links; were the fuzzer stopped at the login, it would not.
TEST_CASE("the visit that is mutated is one that the front understands") {
    FrontBench bench({{"root", "key", all_rights}});
    std::string bytes;
    for (const std::string& frame : frames_of(real_visit(bench)))
        bytes += frame;
    const std::size_t links = bench.behind.attached.size();
    CHECK(bench.behind.messages.size() == 1);
    CHECK(visit(bench, bytes));
    CHECK(bench.behind.messages.size() == 2);
    CHECK(bench.behind.attached.size() == 2 * links);
}

}  // namespace
}  // namespace vc::lab::servicebus
