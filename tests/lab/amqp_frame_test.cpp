#include "tests/lab/amqp_frame.h"

#include <doctest/doctest.h>

#include <string>

namespace vc::lab {
namespace {

// A frame on channel 0 with this performative.
std::string frame(const std::string& body, char type = 0) {
    std::string made{"\0\0\0\0\x02\0\0\0", 8};
    made[5] = type;
    made += body;
    made[2] = static_cast<char>(made.size() >> 8);
    made[3] = static_cast<char>(made.size());
    return made;
}

TEST_CASE("a frame says how long it is, and what cannot be a frame is told") {
    CHECK_FALSE(frame_size("\0\0\0"));
    CHECK(frame_size("AMQP") == 8u);
    CHECK(frame_size(empty_frame) == 8u);
    CHECK(frame_size(std::string_view("\0\0\0\x07", 4)) == 0u);
    CHECK(frame_size(std::string_view("\0\x01\0\0", 4)) == 65536u);
    CHECK(frame_size(std::string_view("\0\x01\0\x01", 4)) == 0u);
    CHECK(frame_size("GET ") == 0u);
}

TEST_CASE("a transfer says its message-format, in each width of its encoding") {
    const std::string small{"\0\x53\x14\xc0\x09\x05\x43\x52\x01\xa0\x01t\x43\x41", 14};
    CHECK(performative(frame(small)) == Performative::Transfer);
    CHECK(message_format(frame(small)) == 0u);
    const std::string batch{"\0\x53\x14\xc0\x0d\x05\x43\x52\x01\xa0\x01t\x70\x80\x01\x37\0\x41",
                            18};
    CHECK(message_format(frame(batch)) == 0x80013700u);
    const std::string wide{
        "\0\x80\0\0\0\0\0\0\0\x14\xd0\0\0\0\x12\0\0\0\x04\x70\0\0\0\x01\x43\xa0\x01t\x70\x80\x01"
        "\x37\0",
        33};
    CHECK(message_format(frame(wide)) == 0x80013700u);
    const std::string next{"\0\x53\x14\xc0\x02\x01\x43", 7};
    CHECK(message_format(frame(next)) == 0u);
}

TEST_CASE("what is cut off, of another type or no AMQP at all reads as nothing") {
    const std::string batch{"\0\x53\x14\xc0\x0d\x05\x43\x52\x01\xa0\x01t\x70\x80\x01\x37\0\x41",
                            18};
    for (std::size_t size = 0; size < batch.size() - 1; ++size) {
        const std::string cut = frame(batch.substr(0, size));
        if (size < 17) CHECK(message_format(cut) == 0u);
        performative(cut);
    }
    CHECK(performative(frame(batch, 1)) == Performative::Other);
    CHECK(performative("AMQP") == Performative::Other);
    CHECK(is_sasl(frame(batch, 1)));
    CHECK_FALSE(is_sasl(frame(batch)));
    CHECK_FALSE(is_sasl(std::string_view("AMQP\x03\x01\0\0", 8)));
    CHECK(performative(frame(std::string{"\0\x53\x12\xc0\0\0", 6})) == Performative::Attach);
    CHECK(performative(frame(std::string{"\0\xa3\x02x\0", 5})) == Performative::Other);
    std::string long_header = frame(batch);
    long_header[4] = '\x7f';
    CHECK(performative(long_header) == Performative::Other);
}

}  // namespace
}  // namespace vc::lab
