// What a start needs, and what it says when it cannot.
#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/child.h"
#include "tests/e2e/platform.h"

using namespace vc::e2e;
using namespace std::chrono_literals;

namespace {

// Of a platform that is not there: nothing listens on these ports.
std::filesystem::path write_configuration(const TempDir& dir, const std::string& name,
                                          const std::string& listen) {
    const auto path = dir.path() / (name + ".yaml");
    write_text(path,
               "mode: observe\nstate: " + (dir.path() / name).string() + "\nlisten: " + listen + R"(
platform:
  bridge:
    url: wss://127.0.0.1:1/ocpp
    identity_prefix: SYN-
    standby_identity_prefix: SYN-STANDBY-
    id_tag: SYNTH01
  primary: {url: "amqp://127.0.0.1:1", entities: [canary-0]}
  standby: {url: "amqp://127.0.0.1:2", entities: [canary-0]}
control: ["http://127.0.0.1:1/ping"]
probes:
  HB: {chargers: 300}
)");
    return path;
}

}  // namespace

TEST_CASE("many chargers over TLS share what they trust, and a port in use is refused") {
    TempDir dir;
    const auto first_file = write_configuration(dir, "first", "127.0.0.1:0");
    Child first({binary("voltcanary"), "run", "--config", first_file.string()}, {},
                dir.path() / "first.log");
    const auto place = dir.path() / "first" / "http.json";
    REQUIRE_MESSAGE(eventually(vc::Clock(), 20s, [&] { return std::filesystem::exists(place); }),
                    first.log_text());
    CHECK(first.resident_bytes() < 128u << 20);

    const std::string text = read_text(place);
    const auto digits = text.find_first_of("0123456789");
    const std::string address =
        "127.0.0.1:" + text.substr(digits, text.find_first_not_of("0123456789", digits) - digits);
    const auto second_file = write_configuration(dir, "second", address);
    Child second({binary("voltcanary"), "run", "--config", second_file.string()}, {},
                 dir.path() / "second.log");
    CHECK(second.wait(10s) == 1);
    const std::string said = second.log_text();
    CHECK_MESSAGE(
        said.find("cannot listen on " + address + ": Address already in use") != std::string::npos,
        said);
    first.signal(SIGTERM);
    CHECK(first.wait(10s) == 0);
}
