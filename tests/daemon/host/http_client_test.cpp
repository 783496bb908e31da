#include "daemon/host/http_client.h"

#include <doctest/doctest.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "daemon/host/spawn.h"
#include "tests/daemon/host/localhost_certificate.h"
#include "tests/daemon/loop.h"
#include "tests/daemon/peer.h"

namespace vc {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Kind = HttpError::Kind;
using test::Peer;
using test::PeerReply;
using test::PeerRequest;

struct Loop {
    asio::io_context io;
    Clock clock;

    HttpAnswer ask(HttpRequest request, Duration patience = 20s) {
        std::optional<HttpAnswer> answer;
        asio::co_spawn(io, http_request(std::move(request), clock.now() + patience, clock),
                       [&](const std::exception_ptr& thrown, HttpAnswer made) {
                           if (thrown) std::rethrow_exception(thrown);
                           answer = std::move(made);
                       });
        REQUIRE(test::run_until(io, [&] { return answer.has_value(); }));
        return std::move(*answer);
    }
};

HttpRequest get(const std::string& url) {
    HttpRequest request;
    request.url = url;
    return request;
}

std::string authority(const Peer& peer) {
    const std::string url = peer.url("");
    return url.substr(7);
}

}  // namespace

TEST_CASE("a URL is taken apart") {
    const auto url = parse_http_url("http://example.org:81/a/b?c=d#e");
    REQUIRE(url);
    CHECK(url->host == "example.org");
    CHECK(url->port == 81);
    CHECK(!url->tls);
    CHECK(url->target == "/a/b?c=d");
    CHECK(url->authority == "example.org:81");
    CHECK(parse_http_url("http://[::1]:9/x")->host == "::1");
    CHECK(parse_http_url("http://[::1]")->authority == "[::1]");
    CHECK(parse_http_url("http://h")->port == 80);
    CHECK(parse_http_url("https://h")->port == 443);
    CHECK(parse_http_url("https://h:8443")->tls);
    CHECK(parse_http_url("http://h")->target == "/");
    CHECK(parse_http_url("http://h?q")->target == "/?q");
}

TEST_CASE("each broken URL says what is wrong with it") {
    const auto words = [](const std::string& url) { return parse_http_url(url).error().message; };
    CHECK(words("http://a b") == "'http://a b' is not a URL: it has spaces or control characters");
    CHECK(words("ftp://a") == "'ftp://a' is not a URL that begins with http:// or https://");
    CHECK(words("http://u:p@a") ==
          "'http://u:p@a' has a user name in it; credentials do not belong in a URL");
    CHECK(words("http://[::1") == "'http://[::1' has a '[' and no ']'");
    CHECK(words("http://[::1]x") == "'http://[::1]x' has more than a port after ']'");
    CHECK(words("http:///x") == "'http:///x' has no host");
    CHECK(words("http://a:0") == "'http://a:0' has a port that is not 1 to 65535");
    CHECK(words("http://a:65536") == "'http://a:65536' has a port that is not 1 to 65535");
    CHECK(words("http://a:") == "'http://a:' has a port that is not 1 to 65535");
}

TEST_CASE("a request arrives as it was given, and its answer comes back") {
    Loop loop;
    Peer peer(loop.io, [](const PeerRequest&) {
        return PeerReply{
            "HTTP/1.1 208 Again\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello"};
    });
    HttpRequest request = get(peer.url("/a?b=c"));
    request.method = "POST";
    request.headers = {{"Idempotency-Key", "7.1.x"}};
    request.body = "{}";
    const auto answer = loop.ask(std::move(request));
    REQUIRE(answer);
    CHECK(answer->status == 208);
    CHECK(answer->content_type == "text/x");
    CHECK(answer->body == "hello");
    REQUIRE(peer.seen().size() == 1);
    const std::string& head = peer.seen()[0].head;
    CHECK(head.starts_with("POST /a?b=c HTTP/1.1\r\n"));
    CHECK(head.find("Host: " + authority(peer) + "\r\n") != std::string::npos);
    CHECK(head.find("Idempotency-Key: 7.1.x\r\n") != std::string::npos);
    CHECK(peer.seen()[0].body == "{}");
}

TEST_CASE("a body without a length ends with the connection") {
    Loop loop;
    Peer peer(loop.io, [](const PeerRequest&) { return PeerReply{"HTTP/1.1 200 OK\r\n\r\nall"}; });
    CHECK(loop.ask(get(peer.url()))->body == "all");
}

TEST_CASE("a refused connection is unreachable: nothing was sent") {
    Loop loop;
    std::string url;
    {
        const Peer gone(loop.io, [](const PeerRequest&) { return PeerReply{}; });
        url = gone.url();
    }
    const auto answer = loop.ask(get(url));
    REQUIRE(!answer);
    CHECK(answer.error().kind == Kind::unreachable);
    CHECK(answer.error().message ==
          "connect " + url.substr(7, url.size() - 8) + ": Connection refused");
}

TEST_CASE("a name that does not exist is unreachable") {
    Loop loop;
    const auto answer = loop.ask(get("http://no-such-host.invalid/"));
    REQUIRE(!answer);
    CHECK(answer.error().kind == Kind::unreachable);
    CHECK(answer.error().message.starts_with("look up no-such-host.invalid: "));
}

TEST_CASE("a name is looked up") {
    Loop loop;
    Peer peer(loop.io, [](const PeerRequest&) { return test::answer(200, "here"); });
    std::string url = peer.url();
    url.replace(url.find("127.0.0.1"), 9, "localhost");
    CHECK(loop.ask(get(url))->body == "here");
}

TEST_CASE("a server that never answers, or stops in the middle, is timed out") {
    Loop loop;
    Peer peer(loop.io, [](const PeerRequest& request) {
        const bool starts = request.head.starts_with("GET /starts");
        return PeerReply{starts ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal" : "",
                         PeerReply::Then::stall};
    });
    for (const char* target : {"/never", "/starts"}) {
        const auto answer = loop.ask(get(peer.url(target)), 200ms);
        REQUIRE(!answer);
        CHECK(answer.error().kind == Kind::timed_out);
        CHECK(answer.error().message == authority(peer) + " did not answer in time");
    }
}

TEST_CASE("the deadline is in the rules' time") {
    Loop loop;
    loop.clock = Clock(TimeLapse{20, 1'700'000'000'000'000'000});
    Peer peer(loop.io, [](const PeerRequest&) { return PeerReply{"", PeerReply::Then::stall}; });
    const Clock machine;
    const Instant before = machine.now();
    CHECK(loop.ask(get(peer.url()), 10s).error().kind == Kind::timed_out);
    CHECK(machine.now() - before < 9s);
}

TEST_CASE("an answer that breaks off, is no HTTP or is too large is broken") {
    Loop loop;
    Peer peer(loop.io, [](const PeerRequest& request) {
        if (request.head.starts_with("GET /short")) {
            return PeerReply{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal"};
        }
        if (request.head.starts_with("GET /reset")) return PeerReply{"", PeerReply::Then::reset};
        if (request.head.starts_with("GET /noise")) return PeerReply{"\x01\x02 SSH-2.0\r\n\r\n"};
        if (request.head.starts_with("GET /head")) {
            return PeerReply{"HTTP/1.1 200 OK\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"};
        }
        return test::answer(200, std::string(2000, 'x'));
    });
    for (const char* target : {"/short", "/reset", "/noise", "/head"}) {
        const auto answer = loop.ask(get(peer.url(target)));
        REQUIRE(!answer);
        CHECK_MESSAGE(answer.error().kind == Kind::broken, target);
        CHECK(answer.error().message.starts_with(authority(peer) + " broke off: "));
    }
    HttpRequest bounded = get(peer.url("/large"));
    bounded.answer_limit = 1999;
    const auto answer = loop.ask(std::move(bounded));
    REQUIRE(!answer);
    CHECK(answer.error().kind == Kind::broken);
    CHECK(answer.error().message == authority(peer) + " answered with too large a body");
}

TEST_CASE("what cannot be sent is refused before anything is sent") {
    Loop loop;
    HttpRequest request = get("http://127.0.0.1:9/");
    request.headers = {{"X", "a\r\nY: b"}};
    CHECK(loop.ask(request).error().message == "the header 'X' cannot be sent");
    request.headers = {{"X Y", "a"}};
    CHECK(loop.ask(request).error().message == "the header 'X Y' cannot be sent");
    request.headers.clear();
    request.method = "GET /x";
    CHECK(loop.ask(request).error().message == "'GET /x' is not an HTTP method");
    CHECK(loop.ask(request).error().kind == Kind::bad_request);
    CHECK(loop.ask(get("nonsense")).error().message ==
          "'nonsense' is not a URL that begins with http:// or https://");
}

// An https server for one connection: answers the first bytes that it reads, or never.
struct SecureServer {
    using tcp = asio::ip::tcp;
    asio::io_context& io;
    std::string answer;
    PemPair pair = make_localhost_certificate();
    std::string ca = std::filesystem::temp_directory_path() / "voltcanary-https-XXXXXX";
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    std::string heard;

    SecureServer(asio::io_context& its, std::string says) : io(its), answer(std::move(says)) {
        const int file = ::mkstemp(ca.data());
        REQUIRE(file >= 0);
        ::close(file);
        std::ofstream(ca) << pair.certificate;
        spawn(io.get_executor(), "https server", serve());
    }
    ~SecureServer() { std::filesystem::remove(ca); }

    std::string authority(const std::string& host) const {
        return host + ":" + std::to_string(acceptor.local_endpoint().port());
    }
    HttpRequest ask(const std::string& host) const {
        HttpRequest request = get("https://" + authority(host) + "/path");
        request.trust = *TlsTrust::load(ca);
        return request;
    }
    asio::awaitable<void> serve() {
        constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
        auto [error, socket] = co_await acceptor.async_accept(as_result);
        if (error) co_return;
        asio::ssl::context context(asio::ssl::context::tls_server);
        context.use_certificate_chain(asio::buffer(pair.certificate));
        context.use_private_key(asio::buffer(pair.key), asio::ssl::context::pem);
        asio::ssl::stream<tcp::socket> tls(std::move(socket), context);
        std::array<char, 4096> room;
        const auto shaken = co_await tls.async_handshake(asio::ssl::stream_base::server, as_result);
        if (std::get<0>(shaken)) co_return;
        const auto [ended, bytes] = co_await tls.async_read_some(asio::buffer(room), as_result);
        heard.assign(room.data(), bytes);
        co_await asio::async_write(tls, asio::buffer(answer), as_result);
        co_await tls.async_read_some(asio::buffer(room), as_result);
    }
};

TEST_CASE("https carries a request, by a server that is whom the URL names") {
    Loop loop;
    SecureServer server(loop.io, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
    const auto answer = loop.ask(server.ask("localhost"));
    REQUIRE_MESSAGE(answer, answer.error().message);
    CHECK(answer->body == "secret");
    CHECK(server.heard.starts_with("GET /path HTTP/1.1\r\n"));
}

TEST_CASE("https to a server that cannot prove who it is sends nothing") {
    Loop loop;
    SecureServer server(loop.io, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const auto answer = loop.ask(server.ask("127.0.0.1"));
    REQUIRE(!answer);
    CHECK(answer.error().kind == Kind::unreachable);
    CHECK(answer.error().message ==
          "TLS with " + server.authority("127.0.0.1") + ": IP address mismatch");
    CHECK(server.heard.empty());
    SecureServer unknown(loop.io, "");
    HttpRequest request = unknown.ask("localhost");
    request.trust = nullptr;  // the system's know nothing of it
    CHECK(loop.ask(std::move(request)).error().message ==
          "TLS with " + unknown.authority("localhost") + ": self-signed certificate");
}

TEST_CASE("an https server that stops, in the handshake or after it, is timed out") {
    Loop loop;
    SecureServer server(loop.io, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nse");
    CHECK(loop.ask(server.ask("localhost"), 300ms).error().kind == Kind::timed_out);
    Peer mute(loop.io, [](const PeerRequest&) { return PeerReply{"", PeerReply::Then::stall}; });
    const auto answer = loop.ask(get("https" + mute.url().substr(4)), 300ms);
    REQUIRE(!answer);
    CHECK(answer.error().kind == Kind::unreachable);
    CHECK(answer.error().message == "TLS with " + authority(mute) + ": timed out");
}

TEST_CASE("a program that only wants an answer can wait for it") {
    const Clock clock;
    const auto answer = http_fetch(get("http://127.0.0.1:1/"), 20s, clock);
    REQUIRE(!answer);
    CHECK(answer.error().kind == Kind::unreachable);
}

}  // namespace vc
