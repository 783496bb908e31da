#include "daemon/host/net.h"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <netdb.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

#include "daemon/host/deadline.h"
#include "daemon/host/spawn.h"
#include "tests/daemon/host/localhost_certificate.h"

// The system's look-up, which hangs for one name until it is let go: it takes the place of the C
// library's.
namespace {
std::atomic<int> slow_look_ups{0};
std::atomic<bool> let_go{false};
}  // namespace
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
    using Real = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    if (name == nullptr || std::string_view(name) != "slow.invalid") {
        return real(name, service, hints, found);
    }
    ++slow_look_ups;
    let_go.wait(false);
    return EAI_AGAIN;
}

namespace vc {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

const PemPair& localhost() {
    static const PemPair pair = make_localhost_certificate();
    return pair;
}

// What a server does with the one connection it takes.
enum class Does { nothing, hang_up, babble, tls_echo };

asio::awaitable<void> serve(tcp::acceptor& acceptor, Does does) {
    auto [error, socket] = co_await acceptor.async_accept(as_result);
    if (error || does == Does::hang_up) co_return;
    std::array<char, 64> room;
    if (does == Does::babble) {
        co_await asio::async_write(socket, asio::buffer("this is no TLS at all, not at all"),
                                   as_result);
    }
    if (does == Does::tls_echo) {
        asio::ssl::context context(asio::ssl::context::tls_server);
        context.use_certificate_chain(asio::buffer(localhost().certificate));
        context.use_private_key(asio::buffer(localhost().key), asio::ssl::context::pem);
        asio::ssl::stream<tcp::socket> tls(std::move(socket), context);
        co_await tls.async_handshake(asio::ssl::stream_base::server, as_result);
        const auto [ended, bytes] = co_await tls.async_read_some(asio::buffer(room), as_result);
        if (!ended) co_await asio::async_write(tls, asio::buffer(room, bytes), as_result);
        co_await tls.async_read_some(asio::buffer(room), as_result);
        co_return;
    }
    // Until the client has gone.
    while (!std::get<0>(co_await socket.async_read_some(asio::buffer(room), as_result))) {
    }
}

struct Case {
    asio::io_context io{1};
    Clock clock{TimeLapse{20, Clock().wall().unix_ns}};
    tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    Connected made;
    std::string echoed;

    Endpoint endpoint(std::string host = "127.0.0.1") {
        return {std::move(host), acceptor.local_endpoint().port(), nullptr};
    }
    void run(const Endpoint& to, Does does, Duration within = 100s) {
        const Instant deadline = clock.now() + within;
        spawn(io.get_executor(), "server", serve(acceptor, does));
        spawn(io.get_executor(), "client", connect(to, deadline));
        io.run();
    }
    asio::awaitable<void> connect(Endpoint to, Instant deadline) {
        Connector connector(io.get_executor(), clock, to);
        made = co_await connector.run(deadline);
        if (made.stream && to.tls) {
            std::array<char, 64> room;
            co_await made.stream->write("hello");
            const auto read = co_await made.stream->read_some(asio::buffer(room));
            echoed.assign(room.data(), read.bytes);
        }
        if (made.stream) made.stream->close();
        acceptor.close();
    }
    void check(Outcome outcome, Phase phase) const {
        CHECK(to_text(made.result.outcome) == to_text(outcome));
        CHECK(to_text(made.result.phase) == to_text(phase));
        CHECK((made.stream != nullptr) == (outcome == Outcome::ok));
    }
};

// The certificate in a file of its own, gone at the end.
struct TrustFile {
    std::string path = std::filesystem::temp_directory_path() / "voltcanary-trust-XXXXXX";
    TrustFile() {
        const int file = ::mkstemp(path.data());
        REQUIRE(file >= 0);
        std::ofstream(path) << localhost().certificate;
    }
    ~TrustFile() { std::filesystem::remove(path); }
};

std::shared_ptr<TlsTrust> localhost_trust() {
    const TrustFile file;
    auto trust = TlsTrust::load(file.path);
    REQUIRE(trust);
    return *trust;
}

}  // namespace

TEST_CASE("an address connects without a look-up, a name with one, each phase timed") {
    Case numbers;
    numbers.run(numbers.endpoint(), Does::nothing);
    numbers.check(Outcome::ok, Phase::none);
    REQUIRE(numbers.made.result.phases.size() == 1);
    CHECK(numbers.made.result.phases[0].phase == Phase::tcp);
    Case name;
    name.run(name.endpoint("localhost"), Does::nothing);
    name.check(Outcome::ok, Phase::none);
    REQUIRE(name.made.result.phases.size() == 2);
    CHECK(name.made.result.phases[0].phase == Phase::dns);
    CHECK(name.made.result.phases[1].phase == Phase::tcp);
}

TEST_CASE("a closed port is refused, a name that is none fails in dns") {
    Case closed;
    const Endpoint nobody = closed.endpoint();
    closed.acceptor.close();
    closed.run(nobody, Does::nothing);
    closed.check(Outcome::refused, Phase::tcp);
    Case unknown;
    unknown.run(unknown.endpoint("a..b"), Does::nothing);
    unknown.check(Outcome::dns, Phase::dns);
}

TEST_CASE("a deadline that has passed is a timeout in the phase it finds") {
    Case late;
    late.run(late.endpoint("localhost"), Does::nothing, 0s);
    late.check(Outcome::timeout, Phase::dns);
}

TEST_CASE("TLS carries bytes when the certificate is trusted and names the host") {
    Case good;
    Endpoint to = good.endpoint("localhost");
    to.tls = localhost_trust();
    good.run(to, Does::tls_echo);
    good.check(Outcome::ok, Phase::none);
    CHECK(good.echoed == "hello");
    REQUIRE(good.made.result.phases.size() == 3);
    CHECK(good.made.result.phases[2].phase == Phase::tls);
}

TEST_CASE("a certificate for another name, or of nobody we trust, fails in tls") {
    Case other_name;
    Endpoint to = other_name.endpoint("127.0.0.1");
    to.tls = localhost_trust();
    other_name.run(to, Does::tls_echo);
    other_name.check(Outcome::tls, Phase::tls);
    Case untrusted;
    to = untrusted.endpoint("localhost");
    auto system = TlsTrust::load("");
    REQUIRE(system);
    to.tls = *system;
    untrusted.run(to, Does::tls_echo);
    untrusted.check(Outcome::tls, Phase::tls);
}

TEST_CASE("a handshake answered with nonsense, silence or a hang-up is told apart") {
    const auto shake = [](Does does, Outcome outcome, Duration within) {
        Case tried;
        Endpoint to = tried.endpoint("localhost");
        to.tls = localhost_trust();
        tried.run(to, does, within);
        tried.check(outcome, Phase::tls);
    };
    shake(Does::babble, Outcome::tls, 100s);
    shake(Does::hang_up, Outcome::reset, 100s);
    shake(Does::nothing, Outcome::timeout, 2s);
}

TEST_CASE("a cancelled connect ends soon and leaves no stream") {
    Case cancelled;
    Connector connector(cancelled.io.get_executor(), cancelled.clock, cancelled.endpoint());
    connector.cancel();
    std::optional<bool> stream;
    const auto run = [](Connector& its, Instant deadline,
                        std::optional<bool>& has_stream) -> asio::awaitable<void> {
        const Connected made = co_await its.run(deadline);
        has_stream = made.stream != nullptr;
    };
    spawn(cancelled.io.get_executor(), "client",
          run(connector, cancelled.clock.now() + 100s, stream));
    cancelled.io.run();
    CHECK(stream == false);
}

TEST_CASE("look-ups that nobody waits for any more do not hold up those that come after") {
    Case after;
    slow_look_ups = 0;
    let_go = false;
    int given_up = 0;
    const auto give_up = [&given_up](Case& its, Connector& connector) -> asio::awaitable<void> {
        const Connected none = co_await connector.run(its.clock.now() + 20ms);
        CHECK(to_text(none.result.outcome) == "timeout");
        if (++given_up < 20) co_return;
        let_go = true;
        let_go.notify_all();
    };
    std::vector<std::unique_ptr<Connector>> connectors;
    for (int i = 0; i < 20; ++i) {
        connectors.push_back(std::make_unique<Connector>(after.io.get_executor(), after.clock,
                                                         after.endpoint("slow.invalid")));
        spawn(after.io.get_executor(), "slow", give_up(after, *connectors.back()));
    }
    after.run(after.endpoint("localhost"), Does::nothing);
    after.check(Outcome::ok, Phase::none);
    CHECK(slow_look_ups <= 2);
}

}  // namespace vc
