#include "probes/http/get.h"

#include <doctest/doctest.h>

#include "probes/random.h"

namespace vc {
namespace {
HttpGet get() {
    return HttpGet(GetTarget{"monitor.example", 8080, "/status?x=1", false});
}
}  // namespace

TEST_CASE("the request names path, host and port, and wants the connection closed") {
    const std::string text = get().request_text();
    CHECK(text.starts_with("GET /status?x=1 HTTP/1.1\r\nHost: monitor.example:8080\r\n"));
    CHECK(text.find("Connection: close\r\n") != std::string::npos);
    CHECK(text.ends_with("\r\n\r\n"));
    CHECK(HttpGet(GetTarget{"x", 80, "/", false}).request_text().find("Host: x\r\n") !=
          std::string::npos);
    CHECK(HttpGet(GetTarget{"x", 443, "/", true}).request_text().find("Host: x\r\n") !=
          std::string::npos);
}

TEST_CASE("what is to be shown stands in a header of its own, and only then") {
    CHECK(get().request_text().find("Authorization") == std::string::npos);
    CHECK(get().request_text("Bearer x").find("\r\nAuthorization: Bearer x\r\n") !=
          std::string::npos);
    CHECK(get().request_text("Bearer x").ends_with("\r\n\r\n"));
}

TEST_CASE("an answer is read byte by byte, by length, in chunks or to the end") {
    for (const std::string& answer :
         {std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
          std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                      "chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
          std::string("HTTP/1.0 200 OK\r\n\r\nhello")}) {
        HttpGet whole = get();
        whole.receive(answer);
        whole.finish();
        CHECK(whole.state() == HttpGet::State::done);
        CHECK(whole.body() == "hello");
        HttpGet pieces = get();
        for (const char c : answer)
            pieces.receive({&c, 1});
        pieces.finish();
        CHECK(pieces.state() == HttpGet::State::done);
        CHECK(pieces.status() == 200);
        CHECK(pieces.body() == "hello");
    }
}

TEST_CASE("the status is known with the head") {
    HttpGet reading = get();
    reading.receive("HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\n");
    CHECK(reading.status() == 503);
    CHECK(reading.state() == HttpGet::State::reading);
}

TEST_CASE("nonsense, a head too long, a body too long and an end too soon are broken") {
    HttpGet nonsense = get();
    CHECK(nonsense.receive("hello\r\n\r\n") == HttpGet::State::broken);
    CHECK(nonsense.reason().starts_with("not HTTP: "));
    HttpGet long_head = get();
    long_head.receive("HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 20; ++i)
        long_head.receive("X: " + std::string(1000, 'x') + "\r\n");
    CHECK(long_head.state() == HttpGet::State::broken);
    HttpGet endless_line = get();
    for (int i = 0; i < 20; ++i)
        endless_line.receive(std::string(1000, 'H'));
    CHECK(endless_line.state() == HttpGet::State::broken);
    HttpGet long_body = get();
    long_body.receive("HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n");
    CHECK(long_body.state() == HttpGet::State::broken);
    HttpGet endless_body = get();
    endless_body.receive("HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 70; ++i)
        endless_body.receive(std::string(1000, 'x'));
    CHECK(endless_body.state() == HttpGet::State::broken);
    HttpGet cut = get();
    cut.receive("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    CHECK(cut.finish() == HttpGet::State::broken);
    CHECK(cut.reason().starts_with("the answer is cut off: "));
    CHECK(cut.receive("lo") == HttpGet::State::broken);
}

TEST_CASE("no bytes can crash the reader") {
    Random random(5);
    const std::string good = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello";
    for (int round = 0; round < 5000; ++round) {
        HttpGet reading = get();
        std::string text = good;
        for (int i = 0; i < 3; ++i) {
            text[random.next() % text.size()] = static_cast<char>(random.next());
        }
        const std::size_t cut = random.next() % text.size();
        reading.receive(text.substr(0, cut));
        reading.receive(text.substr(cut));
        reading.finish();
        CHECK(reading.state() != HttpGet::State::reading);
    }
}

}  // namespace vc
