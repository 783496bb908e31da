#include "daemon/readiness/auditor.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "daemon/host/http_client.h"
#include "daemon/host/spawn.h"
#include "probes/readiness/compare.h"
#include "probes/readiness/walk.h"
#include "rules/base/check.h"

namespace vc {
namespace {

namespace asio = boost::asio;

constexpr int tries = 3;  // of one request
constexpr Duration between_tries = std::chrono::seconds(1);
// A primary that was read so lately may be given half of the time. Not always: one that needs all
// of it would never be read again.
constexpr Duration lately = std::chrono::hours(1);

}  // namespace

// One audit under way. Shared by the two sides' tasks.
struct Auditor::Under {
    std::uint64_t number = 0;
    Answered answered;
    Instant primary_deadline{};
    Instant standby_deadline{};
    std::optional<Listed> primary;
    std::optional<Listed> standby;
};

Auditor::Auditor(asio::any_io_executor executor, const Clock& clock, Options options)
    : executor_(std::move(executor)), clock_(clock), options_(std::move(options)) {}

void Auditor::run(std::uint64_t number, Answered answered) {
    if (under_) {
        answered({number, AuditVerdict::unreachable, {}, {}, "another audit is under way"});
        return;
    }
    const Instant now = clock_.now();
    under_ = std::make_shared<Under>();
    under_->number = number;
    under_->answered = std::move(answered);
    under_->standby_deadline = now + options_.deadline;
    // A move may wait for this answer, and a sick primary is what moves are made for: where there
    // is something to fall back to, it does not get all of the time.
    if (primary_read_ && now - *primary_read_ > options_.listing_good_for) primary_.reset();
    const bool in_hand = primary_ && now - *primary_read_ < lately;
    under_->primary_deadline = now + (in_hand ? options_.deadline / 2 : options_.deadline);
    spawn(executor_, "audit of the primary", read_side(under_, false));
    spawn(executor_, "audit of the standby", read_side(under_, true));
}

asio::awaitable<void> Auditor::read_side(std::shared_ptr<Under> under, bool standby) {
    const Side& side = standby ? options_.standby : options_.primary;
    Listed listed =
        co_await list(side, standby ? under->standby_deadline : under->primary_deadline);
    if (!listed) listed = failure("the " + side.name + ": " + listed.error().message);
    (standby ? under->standby : under->primary) = std::move(listed);
    if (!under->primary || !under->standby) co_return;
    StandbyAudit audit = concluded(*under);
    under_.reset();
    under->answered(std::move(audit));
}

asio::awaitable<Auditor::Listed> Auditor::list(const Side& side, Instant deadline) {
    InventoryWalk walk(options_.ignore);
    while (const auto target = walk.next()) {
        auto answer = co_await get(side, *target, deadline);
        if (!answer) co_return tl::unexpected(answer.error());
        auto taken = walk.answer(answer->first, answer->second);
        if (!taken) co_return tl::unexpected(taken.error());
    }
    co_return std::move(walk).take();
}

asio::awaitable<Result<std::pair<unsigned, std::string>>> Auditor::get(const Side& side,
                                                                       std::string target,
                                                                       Instant deadline) {
    asio::steady_timer pause(executor_);
    for (int attempt = 1;; ++attempt) {
        HttpRequest request;
        request.url = side.url + target;
        request.trust = side.trust;
        request.answer_limit = most_feed_bytes;
        request.headers = {{"Accept", "application/atom+xml"}};
        if (side.credentials && side.credentials->uses_cbs()) {
            const auto shown = authorization_for(*side.credentials, request.url, clock_.now());
            if (!shown) co_return failure("there is no token to show");
            request.headers.emplace_back("Authorization", shown->reveal());
        }
        auto answer = co_await http_request(std::move(request), deadline, clock_);
        const bool passing =
            answer ? is_passing(answer->status) : answer.error().kind == HttpError::Kind::broken;
        const bool last = attempt == tries || clock_.now() + between_tries >= deadline;
        if (!passing || last) {
            if (!answer) co_return failure(answer.error().message);
            co_return std::pair{answer->status, std::move(answer->body)};
        }
        pause.expires_after(clock_.to_machine(between_tries));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

StandbyAudit Auditor::concluded(Under& under) {
    StandbyAudit audit;
    audit.number = under.number;
    audit.verdict = AuditVerdict::unreachable;
    std::string fallback;
    if (*under.primary) {
        // A namespace in trouble may list nothing and call it an answer; nothing is missing then.
        if ((*under.primary)->entities.empty()) {
            audit.detail = "the primary lists nothing that could be compared";
            return audit;
        }
        primary_ = std::move(**under.primary);
        primary_read_ = clock_.now();
    } else if (primary_) {
        fallback = "; the primary as of " + to_text(*primary_read_) + ", because " +
                   under.primary->error().message;
    }
    if (!*under.standby) {
        audit.detail = under.standby->error().message;
        return audit;
    }
    if (!primary_) {
        audit.detail = under.primary->error().message;
        return audit;
    }
    Differences found = compare(*primary_, **under.standby);
    audit.verdict = found.unfit.empty() ? AuditVerdict::ready : AuditVerdict::unfit;
    audit.unfit = std::move(found.unfit);
    audit.told = std::move(found.told);
    audit.detail = std::to_string(primary_->entities.size()) + " entities compared" + fallback;
    return audit;
}

Result<std::unique_ptr<Auditor>> make_auditor(asio::any_io_executor executor, const Clock& clock,
                                              const Config& config,
                                              const Credentials& credentials) {
    if (!config.readiness) return nullptr;
    VC_CHECK(config.rules.audits, "audits are configured as a whole");
    Auditor::Options options;
    options.deadline = config.rules.audits->deadline;
    options.listing_good_for = config.rules.policy.audit_good_for;
    options.ignore = config.readiness->ignore;
    const auto fill = [&](Auditor::Side& side, const ManagementConfig& management,
                          const BrokerConfig& broker) -> Result<void> {
        for (std::size_t i = 0; i < broker.entities.size(); ++i) {
            options.ignore.push_back(broker.kept_address(i));
            options.ignore.push_back(broker.fresh_address(i));
        }
        side.url = management.url.text;
        while (side.url.ends_with('/'))
            side.url.pop_back();
        if (!management.url.tls) return {};
        auto trust = TlsTrust::load(broker.tls_ca);
        if (!trust) return failure("readiness." + side.name + ": " + trust.error().message);
        side.trust = std::move(*trust);
        return {};
    };
    options.primary.name = "primary";
    options.primary.credentials = credentials.primary_management();
    options.standby.name = "standby";
    options.standby.credentials = credentials.standby_management();
    for (auto filled : {fill(options.primary, config.readiness->primary, config.primary),
                        fill(options.standby, config.readiness->standby, config.standby)}) {
        if (!filled) return tl::unexpected(filled.error());
    }
    return std::make_unique<Auditor>(std::move(executor), clock, std::move(options));
}

}  // namespace vc
