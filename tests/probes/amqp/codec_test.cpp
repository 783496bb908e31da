#include "probes/amqp/codec.h"

#include <doctest/doctest.h>

#include "tests/probes/amqp_nodes.h"

namespace vc {
namespace {

AmqpRequest peek(std::uint64_t number, std::int64_t from = 0) {
    AmqpRequest request;
    request.number = number;
    request.reply_to = "replies";
    request.properties = {{"operation", "com.microsoft:peek-message"}};
    request.peek = AmqpRequest::Peek{from, 100};
    return request;
}

// The reply of the node to a request.
AmqpReply asked(AmqpCodec& codec, const std::string& node, const AmqpRequest& request,
                const AmqpManners& manners, AmqpStore& store) {
    const NodeAnswer answer =
        answer_of_node(node, std::string(codec.encode(request)), manners, store);
    CHECK(answer.to == request.reply_to);
    return codec.reply_of(answer.encoded);
}

}  // namespace

TEST_CASE("a text becomes a message and the text again") {
    AmqpCodec codec;
    CHECK(codec.body_of(codec.encode("hello")) == "hello");
    CHECK(codec.body_of(codec.encode("")).empty());
    const std::string longest(60'000, 'x');
    CHECK(codec.body_of(codec.encode(longest)) == longest);
}

TEST_CASE("data, and values of binary or text, are bodies; nothing else is") {
    AmqpCodec codec;
    CHECK(codec.body_of(std::string("\x00\x53\x75\xa0\x02hi", 7)) == "hi");
    CHECK(codec.body_of(std::string("\x00\x53\x77\xa0\x02hi", 7)) == "hi");
    CHECK(codec.body_of(std::string("\x00\x53\x77\xa1\x02hi", 7)) == "hi");
    CHECK(codec.body_of(std::string("\x00\x53\x77\x54\x05", 5)).empty());  // a number
    CHECK(codec.body_of("no message").empty());
    CHECK(codec.body_of("").empty());
}

TEST_CASE("a token is put with its type and audience, and answered with a status") {
    AmqpCodec codec;
    AmqpStore store;
    AmqpManners manners;
    AmqpRequest request;
    request.number = 7;
    request.reply_to = "c-cbs";
    request.properties = {{"operation", "put-token"}, {"type", "jwt"}, {"name", "amqp://h/q"}};
    request.text = std::string(5000, 't');
    const AmqpReply reply = asked(codec, "$cbs", request, manners, store);
    CHECK(store.tokens == std::vector<std::string>{"amqp://h/q jwt " + std::string(5000, 't')});
    CHECK(reply.decoded);
    CHECK(reply.correlation == 7);
    CHECK(reply.status == 202);
}

TEST_CASE("a peek brings bodies with their numbers, in pages") {
    AmqpCodec codec;
    AmqpStore store;
    AmqpManners manners;
    for (int i = 1; i <= 3; ++i)
        store.put("q", "message " + std::to_string(i));
    AmqpReply reply = asked(codec, "q/$management", peek(1), manners, store);
    CHECK(reply.correlation == 1);
    CHECK(reply.status == 200);
    CHECK(reply.sound_body);
    REQUIRE(reply.peeked.size() == 3);
    CHECK(reply.peeked[2].body == "message 3");
    CHECK(reply.peeked[2].sequence == 3);
    reply = asked(codec, "q/$management", peek(2, 3), manners, store);
    REQUIRE(reply.peeked.size() == 1);
    CHECK(reply.peeked[0].body == "message 3");
    reply = asked(codec, "q/$management", peek(3, 4), manners, store);
    CHECK(reply.status == 204);
    CHECK(reply.peeked.empty());
    // Annotations are a broker's own business, and may be missing.
    manners.sequence = false;
    reply = asked(codec, "q/$management", peek(4), manners, store);
    REQUIRE(reply.peeked.size() == 3);
    CHECK_FALSE(reply.peeked[0].sequence);
}

TEST_CASE("a reply that is not as it should be says so and no more") {
    AmqpCodec codec;
    AmqpStore store;
    store.put("q", "x");
    AmqpManners manners;
    manners.own_correlation = true;
    CHECK(asked(codec, "q/$management", peek(1), manners, store).correlation == 0);
    manners = {};
    manners.peek_status = -1;
    CHECK_FALSE(asked(codec, "q/$management", peek(1), manners, store).status);
    manners = {};
    manners.peek_garbage = true;
    CHECK_FALSE(asked(codec, "q/$management", peek(1), manners, store).sound_body);
    manners = {};
    manners.peek_status = 503;
    manners.peek_condition = "com.microsoft:server-busy";
    const AmqpReply busy = asked(codec, "q/$management", peek(1), manners, store);
    CHECK(busy.status == 503);
    CHECK(busy.condition == "com.microsoft:server-busy");
    CHECK_FALSE(codec.reply_of(std::string("\x00\x53\x75\xa0\x20x", 6)).decoded);
    CHECK_FALSE(codec.reply_of("").decoded);
    CHECK_FALSE(codec.reply_of(codec.encode("text")).status);
}

TEST_CASE("values nested without end are no message") {
    AmqpCodec codec;
    for (const char byte : {'\x00', '\xc0', '\xd0', '\xc1', '\xe0', '\xf0'}) {
        for (const std::size_t size : {std::size_t{200}, std::size_t{65'000}}) {
            const std::string deep = std::string("\x00\x53\x77", 3) + std::string(size, byte);
            CHECK(codec.body_of(deep).empty());
            CHECK(codec.body_of(std::string(size, byte)).empty());
        }
    }
    // Lists within lists that are well-formed, each 9 bytes.
    std::string list("\x45", 1);
    while (list.size() < 60'000) {
        const auto size = static_cast<std::uint32_t>(list.size() + 4);
        const std::string head{'\xd0',
                               static_cast<char>(size >> 24),
                               static_cast<char>(size >> 16),
                               static_cast<char>(size >> 8),
                               static_cast<char>(size),
                               0,
                               0,
                               0,
                               1};
        list.insert(0, head);
    }
    CHECK(codec.body_of(std::string("\x00\x53\x77", 3) + list).empty());
    CHECK_FALSE(codec.reply_of(std::string("\x00\x53\x74", 3) + list).status);
}

}  // namespace vc
