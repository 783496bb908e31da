#include "tests/lab/servicebus/cbs.h"

#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "tests/lab/servicebus/front_bench.h"

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

const AccessKey root{"root", "c2VjcmV0"};
const AccessKey sender{"sender", "key", {true, false, false}};

TEST_CASE("a token is put, and gives its rights to what lies below its audience") {
    FrontBench bench({root, sender});
    Caller caller(bench);
    caller.open_cbs();
    CHECK_FALSE(bench.front.rights_of(*bench.front.all()[0], "q").any());
    const TokenAnswer answer = caller.put_sas("sb://127.0.0.1/q", root, 600s);
    CHECK(answer.status == 202);
    CHECK(answer.words == "Accepted");
    CHECK(answer.correlation_id == "0");
    AmqpConnection& served = *bench.front.all()[0];
    CHECK(bench.front.rights_of(served, "q") == all_rights);
    CHECK(bench.front.rights_of(served, "amqps://127.0.0.1/Q/$management") == all_rights);
    CHECK_FALSE(bench.front.rights_of(served, "qq").any());
    CHECK(caller.put_sas("sb://127.0.0.1/other", sender, 600s).status == 202);
    CHECK(bench.front.rights_of(served, "other") == Rights{true, false, false});
    CHECK(bench.behind.attached.empty());
}

TEST_CASE("what is wrong with a request is told with a status and a tracking id") {
    FrontBench bench({root});
    Caller caller(bench);
    caller.open_cbs();
    const auto ask = [&](const PutToken& request) {
        const std::size_t before = caller.answers.size();
        caller.put(request);
        CHECK(bench.until([&] { return caller.answers.size() > before; }));
        return caller.answers.back();
    };
    PutToken request;
    request.operation = "get-token";
    CHECK(ask(request).status == 400);
    request.operation = "put-token";
    CHECK(ask(request).words.starts_with("BadRequest: the property 'name' is missing. Tracking"));
    request.name = "sb://127.0.0.1/q";
    CHECK(ask(request).words.starts_with("BadRequest: there is no token in the body."));
    request.token = "x";
    CHECK(ask(request).words.starts_with("BadRequest: '' is no type of token."));
    request.type = "servicebus.windows.net:sastoken";
    CHECK(ask(request).status == 401);
    CHECK(ask(request).words.starts_with("MalformedToken: "));
    CHECK(caller.put_sas("sb://127.0.0.1/q", {"root", "wrong"}, 60s)
              .words.starts_with("InvalidSignature: "));
    CHECK(caller.put_sas("sb://127.0.0.1/q", root, -1s).words.starts_with("ExpiredToken: "));
    request.type = "jwt";
    CHECK(ask(request).words.starts_with("InvalidToken: not ours TrackingId:"));
    CHECK_FALSE(bench.front.rights_of(*bench.front.all()[0], "q").any());
    request.type = "amqp:jwt";
    request.token = "good";
    CHECK(ask(request).status == 202);
    CHECK(bench.front.rights_of(*bench.front.all()[0], "q") == all_rights);
}

TEST_CASE("what is no message on $cbs is rejected, and the next one is answered") {
    FrontBench bench({root});
    Caller caller(bench);
    caller.open_cbs();
    const std::string junk[] = {"", "x", std::string("\0\x53\x77\xa1\xff", 5)};
    for (const std::string& bytes : junk) {
        AmqpConnection::Tag tag{};
        tag[0] = static_cast<char>(++caller.tags);
        caller.connection->send(caller.requests, tag, bytes, false);
    }
    REQUIRE(bench.until([&] { return caller.outcomes.size() == 3; }));
    CHECK(caller.outcomes[0] == Settlement::Rejected);
    bench.let(2s);  // what Proton takes for a message without a body is answered with 400
    CHECK(caller.put_sas("sb://127.0.0.1/q", root, 60s).status == 202);
}

TEST_CASE("an answer finds its receiver by target, by name, or because it is the only one") {
    FrontBench bench({root});
    for (const char* reply_to : {"my-node", "cbs-receiver", ""}) {
        Caller caller(bench);
        caller.open_cbs("my-node");
        PutToken request{"put-token", "jwt", "sb://127.0.0.1/q", "good", reply_to, ""};
        caller.put(request);
        CHECK_MESSAGE(bench.until([&] { return caller.answers.size() == 1; }), reply_to);
    }
    Caller two(bench);
    two.open_cbs("first");
    AttachWish wish;
    wish.local_address = "second";
    const LinkId second = two.connection->open_receiver("other", "$cbs", 0, wish);
    REQUIRE(bench.until([&] { return two.attached(second); }));
    two.put({"put-token", "jwt", "sb://127.0.0.1/q", "good", "second", ""});
    bench.let(5s);
    CHECK(two.answers.empty());  // it has no credit
    two.connection->add_credit(second, 1);
    CHECK(bench.until([&] { return two.answers.size() == 1; }));
}

TEST_CASE("without a token in 20 seconds the connection is closed, with one it stays") {
    FrontBench bench({root});
    Caller silent(bench);
    Caller known(bench);
    Caller plain(bench, {"root", "c2VjcmV0"});
    known.open_cbs();
    CHECK(known.put_sas("sb://127.0.0.1/q", root, 600s).status == 202);
    bench.let(15s);
    CHECK_FALSE(silent.closed);
    REQUIRE(bench.until([&] { return silent.closed; }));
    CHECK(silent.error.condition == "amqp:connection:forced");
    CHECK(silent.error.description.find("TrackingId:") != std::string::npos);
    bench.let(10s);
    CHECK_FALSE(known.closed);
    CHECK_FALSE(plain.closed);
    CHECK(bench.behind.closed == 1);
}

TEST_CASE("when a token expires its links go, unless it was put again") {
    FrontBench bench({root});
    Caller caller(bench);
    caller.open_cbs();
    CHECK(caller.put_sas("sb://127.0.0.1/kept", root, 30s).status == 202);
    CHECK(caller.put_sas("sb://127.0.0.1/gone", root, 30s).status == 202);
    const LinkId kept = caller.connection->open_sender("k", "kept");
    const LinkId gone = caller.connection->open_sender("g", "gone");
    REQUIRE(bench.until([&] { return caller.attached(kept) && caller.attached(gone); }));
    CHECK(caller.put_sas("sb://127.0.0.1/kept", root, 600s).status == 202);
    REQUIRE(bench.until([&] { return caller.detached.count(gone) > 0; }));
    CHECK(caller.detached[gone].condition == "amqp:unauthorized-access");
    CHECK(caller.detached[gone].description.starts_with("ExpiredToken: "));
    CHECK(caller.attached(kept));
    CHECK(bench.behind.detached == 1);
    CHECK_FALSE(bench.front.rights_of(*bench.front.all()[0], "gone").any());
}

TEST_CASE("PLAIN passes with a key's name and text, and has that key's rights") {
    FrontBench bench({root, sender});
    Caller right(bench, {"sender", "key"});
    Caller wrong(bench, {"sender", "other"});
    REQUIRE(bench.until([&] { return right.opened && wrong.closed; }));
    CHECK_FALSE(wrong.opened);
    CHECK(bench.front.rights_of(*bench.front.all()[0], "q") == sender.rights);
}

TEST_CASE("a namespace without keys takes any token and needs none") {
    FrontBench bench;
    Caller caller(bench);
    caller.open_cbs();
    CHECK(caller.put_sas("sb://127.0.0.1/q", root, 600s).status == 202);
    CHECK(bench.front.rights_of(*bench.front.all()[0], "q") == all_rights);
    bench.let(30s);
    CHECK_FALSE(caller.closed);
}

TEST_CASE("cbs_stall keeps answers back until it is cleared, cbs_401 refuses") {
    FrontBench bench({root});
    Caller caller(bench);
    caller.open_cbs();
    const std::string stall = bench.fault(R"({"component":"primary","kind":"cbs_stall"})");
    caller.put({"put-token", "jwt", "sb://127.0.0.1/q", "good", "", ""});
    bench.let(5s);
    CHECK(caller.answers.empty());
    bench.faults.clear(stall);
    REQUIRE(bench.until([&] { return caller.answers.size() == 1; }));
    CHECK(caller.answers[0].status == 202);
    bench.fault(R"({"component":"primary","kind":"cbs_401"})");
    CHECK(caller.put_sas("sb://127.0.0.1/q", root, 600s).status == 401);
}

}  // namespace
}  // namespace vc::lab::servicebus
