#include "daemon/readiness/auditor.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/daemon/loop.h"
#include "tests/daemon/peer.h"
#include "tests/probes/readiness/feeds.h"

using namespace vc;
using namespace std::chrono_literals;

namespace {

using test::answer;
using test::feed;
using test::PeerReply;
using test::PeerRequest;

// A namespace on the test's loop: lists by path, or whatever it is told to do instead.
struct Namespace {
    explicit Namespace(boost::asio::io_context& io)
        : peer(io, [this](const PeerRequest& request) { return say(request); }) {}

    PeerReply say(const PeerRequest& request) {
        ++asked;
        if (instead) return instead();
        const auto begin = request.head.find(' ') + 1;
        const std::string path = request.head.substr(begin, request.head.find('?') - begin);
        return answer(200, feed(lists[path]));
    }

    std::map<std::string, std::vector<std::string>> lists;
    std::function<PeerReply()> instead;
    int asked = 0;
    test::Peer peer;
};

struct Fixture {
    boost::asio::io_context io;
    Clock clock;
    Namespace primary{io};
    Namespace standby{io};
    std::unique_ptr<Auditor> auditor;
    std::uint64_t number = 0;

    explicit Fixture(Duration deadline = 5s, Duration listing_good_for = 24h) {
        Auditor::Options options;
        const auto url = [](const Namespace& ns) {
            std::string text = ns.peer.url();
            text.pop_back();
            return text;
        };
        options.primary = {"primary", url(primary), nullptr, nullptr};
        options.standby = {"standby", url(standby), nullptr, nullptr};
        options.ignore = {"canary-*"};
        options.deadline = deadline;
        options.listing_good_for = listing_good_for;
        auditor = std::make_unique<Auditor>(io.get_executor(), clock, std::move(options));
        primary.lists["/$Resources/Queues"] = {test::queue("in"), test::queue("out"),
                                               test::queue("canary-0")};
        standby.lists = primary.lists;
    }

    StandbyAudit audit() {
        std::optional<StandbyAudit> got;
        auditor->run(++number, [&](StandbyAudit audit) { got = std::move(audit); });
        REQUIRE(test::run_until(io, [&] { return got.has_value(); }));
        CHECK(got->number == number);
        return std::move(*got);
    }
};

using List = std::vector<std::string>;

PeerReply stalled() {
    return {"", PeerReply::Then::stall};
}

}  // namespace

TEST_CASE("two equal namespaces are ready, and our own queues are no matter") {
    Fixture f;
    f.standby.lists["/$Resources/Queues"].pop_back();
    const StandbyAudit audit = f.audit();
    CHECK(audit.verdict == AuditVerdict::ready);
    CHECK(audit.unfit.empty());
    CHECK(audit.told.empty());
    CHECK(audit.detail == "2 entities compared");
}

TEST_CASE("each difference is named, down to a subscription's rules") {
    Fixture f;
    f.primary.lists["/$Resources/Topics"] = {test::topic("t")};
    f.primary.lists["/t/Subscriptions"] = {test::subscription("s")};
    f.primary.lists["/t/Subscriptions/s/Rules"] = {test::rule("r", test::sql("a = 1"))};
    f.standby.lists = f.primary.lists;
    f.standby.lists["/t/Subscriptions/s/Rules"] = {test::rule("r", test::sql("a = 2"))};
    f.standby.lists["/$Resources/Queues"].erase(f.standby.lists["/$Resources/Queues"].begin());
    f.standby.lists["/$Resources/Queues"].push_back(test::queue("more"));
    const StandbyAudit audit = f.audit();
    CHECK(audit.verdict == AuditVerdict::unfit);
    CHECK(audit.unfit == List{"queue in: missing on the standby",
                              "subscription t/s: rule r filters 'sql: a = 1' on the primary, "
                              "'sql: a = 2' on the standby"});
    CHECK(audit.told == List{"queue more: only on the standby"});
}

TEST_CASE("a standby that refuses or breaks off is unreachable, by its name and words") {
    Fixture f;
    f.standby.instead = [] { return answer(401, "<Error><Detail>no claims</Detail></Error>"); };
    StandbyAudit audit = f.audit();
    CHECK(audit.verdict == AuditVerdict::unreachable);
    CHECK(audit.detail == "the standby: /$Resources/Queues answered 401: no claims");
    f.standby.instead = [] { return answer(200, "<html>"); };
    audit = f.audit();
    CHECK(audit.verdict == AuditVerdict::unreachable);
    CHECK(audit.detail.find("the standby: /$Resources/Queues: the feed is not XML") == 0);
}

TEST_CASE("a standby that stalls is unreachable at the deadline, not later") {
    Fixture f(300ms);
    f.standby.instead = stalled;
    const Instant before = f.clock.now();
    const StandbyAudit audit = f.audit();
    CHECK(audit.verdict == AuditVerdict::unreachable);
    CHECK(audit.detail.find("did not answer in time") != std::string::npos);
    CHECK(f.clock.now() - before < 5s);
}

TEST_CASE("throttling and a broken connection are asked again, a refusal is not") {
    Fixture f(20s);
    int left = 1;
    f.standby.instead = [&]() -> PeerReply {
        if (left-- > 0) return answer(503);
        f.standby.instead = nullptr;
        return answer(200, feed(f.standby.lists["/$Resources/Queues"]));
    };
    CHECK(f.audit().verdict == AuditVerdict::ready);
    f.standby.asked = 0;
    f.standby.instead = [] { return answer(403); };
    CHECK(f.audit().verdict == AuditVerdict::unreachable);
    CHECK(f.standby.asked == 1);
    f.standby.asked = 0;
    f.standby.instead = [] { return PeerReply{"nonsense", PeerReply::Then::close}; };
    CHECK(f.audit().verdict == AuditVerdict::unreachable);
    CHECK(f.standby.asked == 3);
}

TEST_CASE("a listing of the primary that is too old proves nothing") {
    Fixture f(600ms, Duration::zero());
    CHECK(f.audit().verdict == AuditVerdict::ready);
    f.primary.instead = stalled;
    const StandbyAudit audit = f.audit();
    CHECK(audit.verdict == AuditVerdict::unreachable);
    CHECK(audit.detail.find("the primary: ") == 0);
}

TEST_CASE("a primary that cannot be read is compared as it was; never read, nothing is known") {
    Fixture f(600ms);
    f.primary.instead = stalled;
    StandbyAudit audit = f.audit();
    CHECK(audit.verdict == AuditVerdict::unreachable);
    CHECK(audit.detail.find("the primary: ") == 0);
    CHECK_FALSE(f.auditor->primary_read());
    f.primary.instead = nullptr;
    CHECK(f.audit().verdict == AuditVerdict::ready);
    CHECK(f.auditor->primary_read());
    f.primary.instead = stalled;
    f.standby.lists["/$Resources/Queues"].pop_back();
    f.standby.lists["/$Resources/Queues"].pop_back();
    audit = f.audit();
    CHECK(audit.verdict == AuditVerdict::unfit);
    CHECK(audit.unfit == List{"queue out: missing on the standby"});
    CHECK(audit.detail.find("2 entities compared; the primary as of ") == 0);
    CHECK(audit.detail.find("did not answer in time") != std::string::npos);
}

TEST_CASE("a primary that lists nothing proves nothing") {
    Fixture f;
    f.primary.lists.clear();
    const StandbyAudit audit = f.audit();
    CHECK(audit.verdict == AuditVerdict::unreachable);
    CHECK(audit.detail == "the primary lists nothing that could be compared");
}

TEST_CASE("a second audit beside the first is answered at once, and harms it not") {
    Fixture f;
    std::optional<StandbyAudit> first;
    std::optional<StandbyAudit> second;
    f.auditor->run(1, [&](StandbyAudit audit) { first = std::move(audit); });
    f.auditor->run(2, [&](StandbyAudit audit) { second = std::move(audit); });
    REQUIRE(second);
    CHECK(second->number == 2);
    CHECK(second->detail == "another audit is under way");
    REQUIRE(test::run_until(f.io, [&] { return first.has_value(); }));
    CHECK(first->verdict == AuditVerdict::ready);
    CHECK(f.audit().verdict == AuditVerdict::ready);
}

TEST_CASE("a broker that is given a key is shown a signature for the very address") {
    boost::asio::io_context io;
    Clock clock;
    Namespace ns(io);
    ns.lists["/$Resources/Queues"] = {test::queue("in")};
    BrokerConfig broker;
    SasAuth sas;
    sas.key_name = "audit";
    sas.key = Secret("a very secret key");
    broker.auth = sas;
    auto credentials = std::make_shared<BrokerCredentials>(clock, broker, nullptr);
    std::string url = ns.peer.url();
    url.pop_back();
    Auditor::Options options;
    options.primary = {"primary", url, nullptr, credentials};
    options.standby = options.primary;
    Auditor auditor(io.get_executor(), clock, options);
    std::optional<StandbyAudit> got;
    auditor.run(1, [&](StandbyAudit audit) { got = std::move(audit); });
    REQUIRE(test::run_until(io, [&] { return got.has_value(); }));
    CHECK(got->verdict == AuditVerdict::ready);
    REQUIRE(!ns.peer.seen().empty());
    const std::string head = ns.peer.seen()[0].head;
    CHECK(head.find("Authorization: SharedAccessSignature sr=http%3") != std::string::npos);
    CHECK(head.find("skn=audit") != std::string::npos);
    CHECK(head.find("secret") == std::string::npos);
}
