// Spoils a stream of AMQP bytes, and makes frames that nobody would send. Seeded: the same seed
// spoils in the same way. Owns nothing but its numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "probes/random.h"

namespace vc::fuzz {

// Protocol headers and frames, as they are; a rest that is neither is the last.
std::vector<std::string> split_frames(std::string_view stream);

class Mutator {
  public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}

    // One or a few changes, from a flipped bit to frames exchanged, repeated, or made up.
    std::string spoil(std::string_view stream);
    // A frame of a random performative with random fields.
    std::string frame();

    std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : random_.next() % bound; }
    bool one_in(std::uint64_t many) { return below(many) == 0; }

  private:
    void spoil_frames(std::vector<std::string>& frames);
    void spoil_bytes(std::string& bytes);
    void spoil_length(std::string& frame);
    std::string value(int depth);
    std::string text();

    Random random_;
};

}  // namespace vc::fuzz
