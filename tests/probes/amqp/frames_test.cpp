#include "probes/amqp/frames.h"

#include <doctest/doctest.h>

#include "tests/probes/amqp_peer.h"

namespace vc {
namespace {

std::string raw(std::string_view bytes) {
    return std::string(bytes);
}

// Bytes in a literal that may hold zeros.
template <std::size_t size>
std::string bytes(const char (&text)[size]) {
    return std::string(text, size - 1);
}

std::string frame(const std::string& body, char type = 0, char begins = 2) {
    const std::size_t size = body.size() + 8;
    return std::string{0, 0, static_cast<char>(size >> 8), static_cast<char>(size), begins, type,
                       0, 0} +
           body;
}

std::string performative(char code, const std::string& fields, char count) {
    return frame(bytes("\x00\x53") + code + '\xc0' + static_cast<char>(fields.size() + 1) + count +
                 fields);
}

const std::string open = performative('\x10', "\xa1\x01p", 1);
const std::string begin = performative('\x11', bytes("\x60\x00\x00\x43\x43\x43"), 4);
const std::string attach = performative('\x12', bytes("\xa1\x01n\x43\x42"), 3);  // the peer sends

// Why it was broken; empty when it was not.
std::string words(const std::string& stream) {
    FrameGuard guard(64 * 1024);
    guard.add(stream);
    return guard.words();
}
std::string after_begin(const std::string& stream) {
    return words(open + begin + stream);
}

}  // namespace

TEST_CASE("values stand one after another, each well-formed to its end") {
    const std::string some = bytes(
        "\x40\x41\x52\x07\x70\x00\x00\x00\x01\xa1\x02hi\xc0\x03\x02\x43\x44"
        "\xc1\x03\x02\x43\x44\xe0\x06\x02\xa3\x01x\x01y\x00\x53\x10\x45"
        "\xd0\x00\x00\x00\x04\x00\x00\x00\x00");
    const auto values = amqp_values(some, 20);
    REQUIRE(values);
    CHECK(values->size() == 10);
    CHECK((*values)[4] == "\xa1\x02hi");
    CHECK_FALSE(amqp_values(some, 9));
    // Cut off anywhere it is none, unless that is between two values.
    std::size_t whole = 0;
    for (std::size_t size = 1; size < some.size(); ++size) {
        if (amqp_values(std::string_view(some).substr(0, size), 20)) ++whole;
    }
    CHECK(whole == 9);
}

TEST_CASE("what is not well-formed is no value") {
    for (const std::string& wrong :
         {bytes("\x5f"), bytes("\x3f"), bytes("\xff"), bytes("\xa1\x05hi"), bytes("\xc0\x01"),
          bytes("\xc0\x00\x00"), bytes("\xc0\x02\x02\x43"), bytes("\xc0\x02\x00\x43"),
          bytes("\xc1\x02\x01\x43"), bytes("\xd0\x00\x00\x00\x03\x00\x00\x00"),
          bytes("\xd0\xff\xff\xff\xff\x00\x00\x00\x00"), bytes("\xb0\x00\x00\x00\x09x"),
          bytes("\xe0\x02\x01\xc0"), bytes("\xe0\x01\x00"), bytes("\xe0\x03\x02\x52\x01"),
          bytes("\x00"), bytes("\x00\x53"), std::string(1000, '\0'), std::string(1000, '\xc0')}) {
        CHECK_FALSE(amqp_values(wrong, 20));
    }
    std::string nested("\x40");
    for (int depth = 0; depth < 16; ++depth)
        nested = bytes("\x00\x43") + nested;
    CHECK(amqp_values(nested, 1));
    CHECK_FALSE(amqp_values(bytes("\x00\x43") + nested, 1));
}

TEST_CASE("a message is made of sections") {
    CHECK(is_amqp_message(bytes("\x00\x53\x75\xa0\x02hi")));
    CHECK(is_amqp_message(bytes("\x00\x53\x70\x45\x00\x53\x75\xa0\x02hi")));
    CHECK_FALSE(is_amqp_message(""));
    CHECK_FALSE(is_amqp_message("hi"));
    CHECK_FALSE(is_amqp_message(bytes("\x00\x53\x75\xa0\x03hi")));
    CHECK_FALSE(is_amqp_message(bytes("\x00\x53\x75\xa0\x02hi\x40")));
}

TEST_CASE("whole frames are passed on as they are, however they come") {
    const std::string stream = sasl_header() + sasl_mechanisms("ANONYMOUS") + sasl_outcome(0) +
                               bytes("AMQP\x00\x01\x00\x00") + open + begin + attach + frame("");
    for (std::size_t piece = 1; piece < 40; ++piece) {
        FrameGuard guard(64 * 1024);
        std::string passed;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            CHECK(guard.add(std::string_view(stream).substr(at, piece)));
            passed += guard.take();
        }
        CHECK(passed == stream);
    }
    // What is before a broken frame still counts.
    FrameGuard guard(64 * 1024);
    CHECK_FALSE(guard.add(open + "HTTP/1.1 400 Bad Request"));
    CHECK(guard.take() == open);
    CHECK_FALSE(guard.add(begin));
    CHECK(guard.take().empty());
}

TEST_CASE("every way to break a stream has its words") {
    CHECK(words("HTTP/1.1 400 Bad Request") == "a frame of more than 64 KiB");
    CHECK(words("HTTP") == "bytes that are no AMQP");
    CHECK(words("AMXY") == "bytes that are no AMQP");
    CHECK(words("AM").empty());
    CHECK(words(bytes("\x00\x00\x00\x07\x02\x00\x00\x00")) == "a frame shorter than its head");
    CHECK(words(bytes("\x00\x01\x00\x01\x02\x00\x00\x00")) == "a frame of more than 64 KiB");
    CHECK(words(frame("", 0, 3)) == "a frame that begins beyond its end");
    CHECK(words(frame("", 0, 1)) == "a frame that begins beyond its end");
    CHECK(words(frame("", 2)) == "a frame of an unknown type");
    CHECK(words(frame("", 1)) == "a frame that is not well-formed");
    CHECK(words(frame("\x40", 1)) == "a frame that is not well-formed");
    CHECK(words(sasl_mechanisms("A") + sasl_mechanisms("A")) == "a frame of SASL out of turn");
    CHECK(words(sasl_outcome(0)) == "a frame of SASL out of turn");
    CHECK(words(sasl_mechanisms("A") + sasl_outcome(0) + sasl_outcome(0)) ==
          "a frame of SASL out of turn");
    CHECK(words(frame(bytes("\x00\x53\x42\x45"), 1)) == "a frame of SASL out of turn");
    CHECK(words(frame("\x5f", 1)) == "a frame that is not well-formed");
    CHECK(words(frame("\x5f")) == "a frame that is not well-formed");
    CHECK(words(frame("\x40")) == "a frame that is not well-formed");
    CHECK(words(frame(bytes("\x00\xa1\x01x\x45"))) == "a frame that is no performative");
    CHECK(words(frame(bytes("\x00\x53\x10\x40"))) == "a frame that is no performative");
    CHECK(words(frame(raw(open.substr(8)) + "x")) == "a payload where none belongs");
    CHECK(words(begin) == "a performative before the open");
    CHECK(words(open + open) == "a second open");
    CHECK(words(performative('\x10', "\x40", 1)) == "an open without a container");
    CHECK(words(open + performative('\x11', bytes("\x40\x43\x43\x43"), 4)) ==
          "the peer began a session of its own");
    CHECK(after_begin(begin) == "a second begin");
    CHECK(words(open + attach) == "an attach of nothing");
    CHECK(after_begin(performative('\x12', bytes("\x40\x43\x42"), 3)) == "an attach of nothing");
    CHECK(after_begin(attach + attach) == "an attach of a handle that is in use");
    std::string many;
    for (char handle = 0; handle < 65; ++handle)
        many += performative('\x12', bytes("\xa1\x01n\x52") + handle + '\x42', 3);
    CHECK(after_begin(many) == "more than 64 links");
    CHECK(after_begin(performative('\x15', "\x41", 1)) == "a disposition of nothing");
    CHECK(after_begin(performative('\x16', "\x43", 1)) == "a detach of no link");
    CHECK(after_begin(performative('\x19', "", 0)) == "a performative that is unknown");
    CHECK(after_begin(performative('\x17', "", 0)).empty());
    CHECK(after_begin(performative('\x18', "", 0)).empty());
    CHECK(after_begin(performative('\x13', "", 0)).empty());
}

TEST_CASE("a transfer is over a link of the peer's, and names its delivery when it is the first") {
    const auto transfer = [](const std::string& fields, char count) {
        return performative('\x14', fields, count);
    };
    const std::string whole = transfer(bytes("\x43\x43\xa0\x01t\x43\x42"), 5);
    const std::string first = transfer(bytes("\x43\x43\xa0\x01t\x43\x42\x41"), 6);
    const std::string next = transfer(bytes("\x43\x40\x40\x40\x42\x41"), 6);
    const std::string last = transfer(bytes("\x43\x40\x40\x40\x42\x42"), 6);
    CHECK(after_begin(attach + whole + whole).empty());
    CHECK(after_begin(attach + first + next + last + whole).empty());
    CHECK(after_begin(whole) == "a transfer over no link");
    CHECK(after_begin(attach + next) == "a transfer of no delivery");
    CHECK(after_begin(attach + first + last + next) == "a transfer of no delivery");
    const std::string detach = performative('\x16', "\x43", 1);
    CHECK(after_begin(attach + first + detach + attach + next) == "a transfer of no delivery");
    const std::string aborted = transfer(bytes("\x43\x40\x40\x40\x42\x41\x40\x40\x40\x41"), 10);
    CHECK(after_begin(attach + first + aborted + next) == "a transfer of no delivery");
    const std::string receives = performative('\x12', bytes("\xa1\x01n\x43\x41"), 3);
    CHECK(after_begin(receives + whole) == "a transfer over no link");
}

TEST_CASE("a peer that wants heartbeats all the time is not humoured") {
    const auto opened = [](const std::string& idle) {
        return words(performative('\x10', bytes("\xa1\x01p\x40\x40\x40") + idle, 5));
    };
    for (const std::string& idle : {bytes("\x40"), bytes("\x43"), bytes("\x70\x00\x00\x03\xe8"),
                                    bytes("\x70\x00\x00\x75\x30"), bytes("\x70\xff\xff\xff\xff")}) {
        CHECK(opened(idle).empty());
    }
    for (const std::string& idle : {bytes("\x52\x01"), bytes("\x70\x00\x00\x03\xe7")})
        CHECK(opened(idle) == "an idle timeout of less than a second");
}

}  // namespace vc
