// The outside of AMQP 1.0 frames (specification part 2.3): where one ends, what performative it
// holds, and of a transfer the message-format, which Proton does not tell. Pure functions over
// bytes; nothing is trusted, what makes no sense reads as nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vc::lab {

constexpr std::size_t largest_frame = 65536;  // what Service Bus allows in its open

// An idle frame: what a heartbeat is.
inline constexpr std::string_view empty_frame{"\0\0\0\x08\x02\0\0\0", 8};

// How many octets the frame (or protocol header) that `bytes` begin with has. Nothing: too few are
// there to tell. 0: it is none, or larger than may be.
std::optional<std::size_t> frame_size(std::string_view bytes);

// Of whole frames.
bool is_sasl(std::string_view frame);
enum class Performative {
    Open,
    Begin,
    Attach,
    Flow,
    Transfer,
    Disposition,
    Detach,
    End,
    Close,
    Other
};
Performative performative(std::string_view frame);

// Of a transfer; 0 when it says none, as all but its first frame may.
std::uint32_t message_format(std::string_view frame);

}  // namespace vc::lab
