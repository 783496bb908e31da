// Tokens that go out to a queue and come back: which are ours, which are new, which are late,
// twice, overtaken or lost. Pure, and bounded: the last 1024 tokens are remembered.
//
// A lane is what keeps the order: one sending link and one queue.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace vc {

class Roundtrip {
  public:
    using Lane = std::size_t;
    static constexpr Lane lanes = 3;

    // `run` differs between any two users of a queue, ever, and holds no space.
    explicit Roundtrip(std::string run) : run_(std::move(run)) {}

    // A new token; numbers rise from 1.
    std::uint64_t issue(Lane lane = 0);
    // What is sent: "voltcanary <run> <number>".
    std::string body(std::uint64_t number) const;

    enum class Arrival : std::uint8_t {
        first,        // what is waited for
        late,         // the first time, after it was given up
        duplicate,    // a second time over the link of the first, or after it was
                      // completed
        redelivered,  // a second time over a later link: it was never completed
        foreign,      // not ours, or of another run, or forgotten
    };
    struct Received {
        Arrival arrival = Arrival::foreign;
        std::uint64_t number = 0;   // 0 when foreign
        bool out_of_order = false;  // a later one of its lane came before; of first and late
    };
    // `link` tells apart any two links over which messages came; it is not 0.
    Received received(std::string_view body, std::uint64_t link);
    // The number in a body of ours; 0 when it is none.
    std::uint64_t number_in(std::string_view body) const;

    // Nobody waits for it any longer.
    void give_up(std::uint64_t number);
    // The broker has let us have it for good.
    void complete(std::uint64_t number);
    // A token issued after this one on the same lane has arrived already.
    bool overtaken(std::uint64_t number) const;

  private:
    static constexpr std::size_t most_remembered = 1024;

    struct Token {
        Lane lane = 0;
        bool given_up = false;
        bool completed = false;
        std::uint64_t received_over = 0;  // link; 0 while not received
    };

    std::string run_;
    std::uint64_t next_ = 1;
    std::array<std::uint64_t, lanes> latest_{};  // the highest number that arrived
    std::map<std::uint64_t, Token> tokens_;
};

}  // namespace vc
