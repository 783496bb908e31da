#include "probes/http/dialogue.h"

#include <doctest/doctest.h>

namespace vc {

TEST_CASE("an end of the stream completes an answer without a length, and cuts one with") {
    for (const bool complete : {true, false}) {
        HttpDialogue dialogue(GetTarget{"x", 80, "/", false},
                              [](const HttpGet& get, Instant) -> std::optional<Outcome> {
                                  if (get.state() != HttpGet::State::done) return std::nullopt;
                                  return Outcome::ok;
                              });
        dialogue.on_connect({});
        dialogue.on_bytes(complete ? "HTTP/1.1 200 OK\r\n\r\nhello"
                                   : "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
                          {});
        CHECK_FALSE(dialogue.end());
        const auto end = dialogue.on_eof({});
        REQUIRE(end);
        CHECK(end->outcome == (complete ? Outcome::ok : Outcome::protocol));
    }
}

}  // namespace vc
