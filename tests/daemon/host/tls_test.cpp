#include "daemon/host/tls.h"

#include <doctest/doctest.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "daemon/host/net.h"
#include "daemon/host/spawn.h"
#include "tests/daemon/host/localhost_certificate.h"

namespace vc {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::ip::tcp;
using asio::ssl::context;
using namespace std::chrono_literals;
using Version = context::options;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

const PemPair& authority() {
    static const PemPair pair = make_certificate({"test CA", "", true, false, nullptr});
    return pair;
}
PemPair issued(const std::string& valid_for, bool expired = false) {
    return make_certificate({"somebody", valid_for, false, expired, &authority()});
}

// A folder of files, gone at the end.
struct Folder {
    fs::path path = fs::temp_directory_path() / "voltcanary-tls-XXXXXX";
    Folder() {
        std::string text = path;
        REQUIRE(::mkdtemp(text.data()) != nullptr);
        path = text;
    }
    ~Folder() { fs::remove_all(path); }
    // Replaced as a rotation does it: another file takes the name.
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path / "new") << text;
        fs::rename(path / "new", path / name);
        return path / name;
    }
};

// What the server does once somebody has connected.
struct Server {
    PemPair pair = issued("DNS:localhost,IP:127.0.0.1");
    Version refuses = 0;  // versions of TLS
    bool asks_for_certificate = false;
    std::string before;       // sent in place of TLS, when not empty
    std::size_t echoes = 64;  // bytes
};

asio::awaitable<void> serve(tcp::acceptor& acceptor, const Server& does) {
    auto [error, socket] = co_await acceptor.async_accept(as_result);
    if (error) co_return;
    std::vector<char> room(does.echoes);
    if (!does.before.empty()) {
        co_await asio::async_write(socket, asio::buffer(does.before), as_result);
        while (!std::get<0>(co_await socket.async_read_some(asio::buffer(room), as_result))) {
        }
        co_return;
    }
    context made(context::tls_server);
    made.set_options(does.refuses);
    made.use_certificate_chain(asio::buffer(does.pair.certificate));
    made.use_private_key(asio::buffer(does.pair.key), context::pem);
    if (does.asks_for_certificate) {
        made.add_certificate_authority(asio::buffer(authority().certificate));
        made.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    }
    asio::ssl::stream<tcp::socket> tls(std::move(socket), made);
    const auto [shaken] = co_await tls.async_handshake(asio::ssl::stream_base::server, as_result);
    if (shaken) {
        // What was sent in refusal must arrive.
        tls.lowest_layer().shutdown(tcp::socket::shutdown_send);
        while (!std::get<0>(
            co_await tls.next_layer().async_read_some(asio::buffer(room), as_result))) {
        }
        co_return;
    }
    for (;;) {
        const auto [ended, bytes] = co_await tls.async_read_some(asio::buffer(room), as_result);
        if (ended) break;
        co_await asio::async_write(tls, asio::buffer(room, bytes), as_result);
    }
}

struct Case {
    asio::io_context io{1};
    Clock clock{TimeLapse{20, Clock().wall().unix_ns}};
    tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    Server server;
    Folder folder;
    TlsFiles files;
    std::string host = "localhost";
    std::string says = "hello";

    Connected made;
    std::string heard;
    boost::system::error_code error;  // that ended the reading

    Case() { files.ca = folder.write("ca.pem", authority().certificate); }

    std::shared_ptr<TlsTrust> trust() const {
        auto loaded = TlsTrust::load(files);
        REQUIRE_MESSAGE(loaded, loaded.error().message);
        return *loaded;
    }
    void run(std::shared_ptr<TlsTrust> with, Duration within = 100s) {
        made = {};
        heard.clear();
        error = {};
        if (!acceptor.is_open()) {
            acceptor = tcp::acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        }
        io.restart();
        Endpoint to{host, acceptor.local_endpoint().port(), std::move(with)};
        spawn(io.get_executor(), "server", serve(acceptor, server));
        spawn(io.get_executor(), "client", talk(to, clock.now() + within));
        io.run();
    }
    void run() { run(trust()); }

    asio::awaitable<void> talk(Endpoint to, Instant deadline) {
        Connector connector(io.get_executor(), clock, to);
        made = co_await connector.run(deadline);
        if (made.stream) {
            spawn(io.get_executor(), "writer", say(*made.stream));
            std::array<char, 4096> room;
            while (heard.size() < says.size() && !error) {
                const auto read = co_await made.stream->read_some(asio::buffer(room));
                heard.append(room.data(), read.bytes);
                error = read.error;
            }
            made.stream->close();
        }
        acceptor.close();
    }
    asio::awaitable<void> say(Stream& stream) { co_await stream.write(says); }

    void check_refused(const std::string& why) const {
        CHECK(to_text(made.result.outcome) == "tls");
        CHECK(to_text(made.result.phase) == "tls");
        CHECK(made.stream == nullptr);
        CHECK(made.why == why);
    }
    void check_carried() const {
        CHECK_MESSAGE(to_text(made.result.outcome) == "ok", made.why);
        CHECK(heard == says);
    }
};

}  // namespace

TEST_CASE("a name and an address are both verified, and the certificate's end is told") {
    for (const char* host : {"localhost", "127.0.0.1"}) {
        Case good;
        good.host = host;
        good.run();
        good.check_carried();
        REQUIRE(good.made.certificate_expires);
        const double left =
            seconds(Duration{good.made.certificate_expires->unix_ns - Clock().wall().unix_ns});
        CHECK(left > 23.9 * 3600);
        CHECK(left <= 24.0 * 3600);
    }
}

TEST_CASE("TLS 1.2 is spoken too, and nothing older") {
    Case older;
    older.server.refuses = context::no_tlsv1_3;
    older.run();
    older.check_carried();
    Case oldest;
    oldest.server.refuses = context::no_tlsv1_3 | context::no_tlsv1_2;
    oldest.run();
    CHECK(to_text(oldest.made.result.outcome) == "tls");
    CHECK(to_text(oldest.made.result.phase) == "tls");
}

TEST_CASE("an expired certificate, another's name or address, an unknown authority: refused") {
    Case expired;
    expired.server.pair = issued("DNS:localhost", true);
    expired.run();
    expired.check_refused("certificate has expired");
    Case name;
    name.server.pair = issued("DNS:example.org");
    name.run();
    name.check_refused("hostname mismatch");
    Case address;
    address.host = "127.0.0.1";
    address.server.pair = issued("DNS:127.0.0.1,IP:127.0.0.2");
    address.run();
    address.check_refused("IP address mismatch");
    Case unknown;
    const PemPair other = make_certificate({"other CA", "", true, false, nullptr});
    unknown.files.ca = unknown.folder.write("other.pem", other.certificate);
    unknown.run();
    unknown.check_refused("unable to get local issuer certificate");
    Case itself;
    itself.server.pair = make_localhost_certificate();
    itself.run();
    itself.check_refused("self-signed certificate");
}

TEST_CASE("the system's certificates vouch for none of ours") {
    Case system;
    system.files.ca.clear();
    system.run();
    system.check_refused("unable to get local issuer certificate");
}

TEST_CASE("a peer that asks for a certificate gets ours") {
    Case asked;
    asked.server.asks_for_certificate = true;
    const PemPair ours = issued("DNS:client");
    asked.files.certificate = asked.folder.write("client.pem", ours.certificate);
    asked.files.key = asked.folder.write("client.key", ours.key);
    const auto trust = asked.trust();
    CHECK(trust->own_expiry().has_value());
    asked.run(trust);
    asked.check_carried();
    CHECK(!Case().trust()->own_expiry());
}

TEST_CASE("a peer that wants a certificate of ours and gets none, or a bad one, ends in tls") {
    for (const bool has_one : {false, true}) {
        for (const bool old : {false, true}) {
            Case asked;
            asked.server.asks_for_certificate = true;
            if (old) asked.server.refuses = context::no_tlsv1_3;
            if (has_one) {
                const PemPair ours = make_localhost_certificate();  // not of the authority
                asked.files.certificate = asked.folder.write("client.pem", ours.certificate);
                asked.files.key = asked.folder.write("client.key", ours.key);
            }
            asked.run();
            if (old) {
                CHECK(to_text(asked.made.result.outcome) == "tls");
            } else {
                // TLS 1.3 says so after the client has ended its handshake.
                CHECK(to_text(asked.made.result.outcome) == "ok");
                CHECK(asked.error == boost::system::errc::protocol_error);
            }
        }
    }
}

TEST_CASE("nonsense in the handshake is refused; one that stops in its middle times out") {
    Case nonsense;
    nonsense.server.before = "HTTP/1.1 400 Bad Request\r\n\r\n";
    nonsense.run();
    nonsense.check_refused("wrong version number");
    Case oversized;
    oversized.server.before = std::string("\x16\x03\x03\xff\xff", 5) + std::string(70000, 'x');
    oversized.run();
    CHECK(to_text(oversized.made.result.outcome) == "tls");
    Case alert;
    alert.server.before = std::string("\x15\x03\x03\x00\x02\x02\x28", 7);
    alert.run();
    CHECK(to_text(alert.made.result.outcome) == "tls");
    for (const std::size_t size : {1u, 5u, 9u}) {
        Case part;
        part.server.before = std::string("\x16\x03\x03\x00\x7a\x02\x00\x00\x76", 9).substr(0, size);
        part.run(part.trust(), 4s);
        CHECK(to_text(part.made.result.outcome) == "timeout");
        CHECK(to_text(part.made.result.phase) == "tls");
        CHECK(part.made.stream == nullptr);
    }
}

TEST_CASE("much more than a record or a socket holds goes both ways at once") {
    Case large;
    large.says.assign(3'000'000, '.');
    for (std::size_t i = 0; i < large.says.size(); i += 1000)
        large.says[i] = static_cast<char>('a' + i / 1000 % 26);
    large.server.echoes = 20'000;
    large.run();
    large.check_carried();
}

TEST_CASE("a file that was replaced is taken up with the next connection") {
    Case rotated;
    const PemPair other = make_certificate({"other CA", "", true, false, nullptr});
    rotated.files.ca = rotated.folder.write("trusted.pem", other.certificate);
    const auto trust = rotated.trust();
    std::vector<std::string> told;
    trust->on_refresh([&](const Result<void>& done) {
        told.push_back(done ? "taken up" : done.error().message);
    });
    rotated.run(trust);
    rotated.check_refused("unable to get local issuer certificate");
    rotated.folder.write("trusted.pem", authority().certificate);
    rotated.run(trust);
    rotated.check_carried();
    CHECK(told == std::vector<std::string>{"taken up"});
}

TEST_CASE("a new file that is no good is told once, and the old one stays in use") {
    Case broken;
    const auto trust = broken.trust();
    std::vector<std::string> told;
    trust->on_refresh([&](const Result<void>& done) {
        told.push_back(done ? "taken up" : done.error().message);
    });
    broken.folder.write("ca.pem", "nothing of use\n");
    broken.run(trust);
    broken.check_carried();
    broken.run(trust);
    broken.check_carried();
    CHECK(told == std::vector<std::string>{"cannot load the trusted certificates " +
                                           broken.files.ca + ": it holds none"});
    fs::remove(broken.files.ca);
    broken.run(trust);
    broken.check_carried();
    REQUIRE(told.size() == 2);
    CHECK(told.back().starts_with("cannot load the trusted certificates " + broken.files.ca));
    broken.folder.write("ca.pem", authority().certificate);
    broken.run(trust);
    broken.check_carried();
    CHECK(told.back() == "taken up");
}

TEST_CASE("files that cannot be used are named, and why") {
    const Folder folder;
    const auto words = [](const TlsFiles& files) {
        const auto loaded = TlsTrust::load(files);
        REQUIRE(!loaded);
        return loaded.error().message;
    };
    const PemPair pair = make_localhost_certificate();
    const std::string certificate = folder.write("c.pem", pair.certificate);
    const std::string key = folder.write("k.pem", pair.key);
    const std::string none = folder.write("none.pem", "# empty\n");
    const std::string torn =
        folder.write("torn.pem", pair.certificate.substr(0, 100) + "\n-----END CERTIFICATE-----\n");
    const std::string other = folder.write("o.pem", make_localhost_certificate().key);
    CHECK(words({none, "", ""}) ==
          "cannot load the trusted certificates " + none + ": it holds none");
    CHECK(words({torn, "", ""}).starts_with("cannot load the trusted certificates " + torn + ": "));
    CHECK(words({"/nonexistent/ca.pem", "", ""})
              .starts_with("cannot load the trusted certificates /nonexistent/ca.pem: "));
    CHECK(words({"", certificate, ""}) == "a certificate and its key are given together");
    CHECK(words({"", none, key}).starts_with("cannot use the certificate " + none + ": "));
    CHECK(words({"", certificate, none}) ==
          "cannot use the key " + none + ": it is no PEM, or needs a password");
    CHECK(words({"", certificate, other}) ==
          "cannot use the key " + other + ": key values mismatch");
}

}  // namespace vc
