// Tokens that go out to a queue and come back: which are ours, which are new, which are late, twice
// or lost. Pure, and bounded: the last 1024 tokens are remembered.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace vc {

class Roundtrip {
  public:
    // `run` differs between any two users of a queue, ever, and holds no space.
    explicit Roundtrip(std::string run) : run_(std::move(run)) {}

    // A new token; numbers rise from 1.
    std::uint64_t issue();
    // What is sent: "voltcanary <run> <number>".
    std::string body(std::uint64_t number) const;

    enum class Arrival : std::uint8_t {
        first,        // what is waited for
        late,         // the first time, after it was given up
        duplicate,    // a second time on the connection of the first
        redelivered,  // a second time on a later connection: it was never completed
        foreign,      // not ours, or of another run, or forgotten
    };
    struct Received {
        Arrival arrival = Arrival::foreign;
        std::uint64_t number = 0;  // 0 when foreign
    };
    // `connection` is the number of the connection that brought it.
    Received received(std::string_view body, std::uint64_t connection);

    // Nobody waits for it any longer.
    void give_up(std::uint64_t number);
    // A token issued after this one has arrived already.
    bool overtaken(std::uint64_t number) const { return number < latest_; }

  private:
    static constexpr std::size_t most_remembered = 1024;

    struct Token {
        bool given_up = false;
        std::uint64_t received_on = 0;  // connection; 0 while not received
    };

    std::string run_;
    std::uint64_t next_ = 1;
    std::uint64_t latest_ = 0;  // the highest number that arrived
    std::map<std::uint64_t, Token> tokens_;
};

}  // namespace vc
