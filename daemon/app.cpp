#include "daemon/app.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/credentials/credentials.h"
#include "daemon/facts.h"
#include "daemon/hooks/hooks.h"
#include "daemon/host/file.h"
#include "daemon/host/log.h"
#include "daemon/host/spawn.h"
#include "daemon/http/server.h"
#include "daemon/http/status_json.h"
#include "daemon/journal/journal.h"
#include "daemon/metrics/metrics.h"
#include "daemon/notify/notify.h"
#include "daemon/probing.h"
#include "daemon/readiness/auditor.h"
#include "rules/engine.h"

namespace vc {
namespace {

// The core is told the time this often (rules' time), and metrics follow at the same pace.
constexpr Duration tick_every = std::chrono::seconds(1);

// Probing is alive while some attempt has ended within this many of its channel's periods.
constexpr int periods_alive = 3;

std::string bounded(std::string text) {
    constexpr std::size_t most = 600;
    if (text.size() > most) text.resize(most);
    return text;
}

}  // namespace

class App {
  public:
    App(const Config& config, const Clock& clock)
        : config_(config),
          clock_(clock),
          log_({LogLevel::info, STDERR_FILENO, getenv("JOURNAL_STREAM") != nullptr}),
          engine_(config.rules),
          metrics_({VC_VERSION, true}),
          signals_(io_, SIGTERM, SIGINT),
          tick_timer_(io_) {}

    int run();

  private:
    Result<void> open();
    Result<void> open_journal();
    Result<void> open_credentials();
    Result<void> open_probing();
    Result<void> open_http();
    void say_what_runs();
    void on_signal();
    void end_if_quiet();
    void drained();

    boost::asio::awaitable<void> keep_ticking();
    Event stamped(EventBody body);
    void step(EventBody body);
    // `written` is told when the batch is on disk, or that it never will be.
    using Written = std::function<void(Result<void>)>;
    void take(Batch batch, Written written = {});
    void carry_out(std::vector<Action> actions, Instant decided);
    void page_again();
    void command(CommandGiven given, HttpAnswers::CommandAnswer answer);
    void refresh_metrics();
    // Tells the metrics which attempts are open, and counts them.
    std::uint64_t count_open();
    // Which attempts are missing, by two counts that know nothing of each other; empty: none.
    std::string unaccounted();
    StatusFacts status_facts();
    Health health() const;
    void say(const Record& record);

    const Config& config_;
    Clock clock_;
    Log log_;
    boost::asio::io_context io_{1};
    Engine engine_;
    Metrics metrics_;
    Recent recent_;
    std::map<Channel, std::uint64_t> missed_;
    std::vector<Record> unsettled_pages_;  // of the run before; until they are sent
    Instant started_{};
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<Hooks> hooks_;
    std::unique_ptr<Notifier> notifier_;
    std::unique_ptr<Credentials> credentials_;
    std::unique_ptr<Auditor> auditor_;  // where audits are configured
    std::unique_ptr<Probing> probing_;
    std::unique_ptr<HttpServer> http_;
    boost::asio::signal_set signals_;
    boost::asio::steady_timer tick_timer_;
    Instant last_step_ = Instant::min();  // the core is never told an earlier time
    bool stopping_ = false;
    bool probes_ended_ = false;
    bool stopped_ = false;
};

int App::run() {
    if (auto opened = open(); !opened) {
        log_.error(to_text(opened.error()));
        return 1;
    }
    say_what_runs();
    page_again();
    take(engine_.resume(clock_.now()));
    signals_.async_wait([this](const boost::system::error_code& error, int) {
        if (!error) on_signal();
    });
    credentials_->start();
    probing_->start();
    spawn(io_.get_executor(), "tick", keep_ticking());
    io_.run();
    refresh_metrics();
    std::string missing = unaccounted();
    const std::uint64_t open = probing_->open_in_sessions();
    if (missing.empty() && probes_ended_ && open > 0) {
        missing = std::to_string(open) + " never ended";
    }
    if (!missing.empty()) {
        log_.error("attempts are not accounted for", {{"which", missing}});
        return 1;
    }
    log_.info("stopped");
    return 0;
}

Result<void> App::open() {
    metrics_.expect(named_parts(config_));
    if (auto opened = open_journal(); !opened) return opened;
    hooks_ = std::make_unique<Hooks>(io_, clock_, config_.hooks);
    notifier_ = std::make_unique<Notifier>(io_, clock_, config_.notify);
    notifier_->on_trouble([this](const std::string& words) { log_.warning(words); });
    notifier_->on_settled([this](Instant until) { journal_->settle_pages(until); });
    if (auto opened = open_credentials(); !opened) return opened;
    if (auto opened = open_probing(); !opened) return opened;
    return open_http();
}

Result<void> App::open_journal() {
    JournalOptions options;
    options.directory = config_.state;
    options.retention = config_.retention;
    auto journal = Journal::open(io_, clock_, options);
    if (!journal) return tl::unexpected(journal.error());
    journal_ = std::move(*journal);
    auto contents = journal_->load();
    if (!contents) return tl::unexpected(contents.error());
    clock_.not_before(contents->last);
    started_ = clock_.now();
    engine_.restore(contents->records);
    std::copy_if(contents->records.begin(), contents->records.end(),
                 std::back_inserter(unsettled_pages_), [&](const Record& record) {
                     return std::holds_alternative<PageRaised>(record.body) &&
                            record.at > contents->pages_settled &&
                            started_ - record.at < NotifyOptions{}.give_up_after;
                 });
    journal_->on_state([this](JournalState state, const std::string& words) {
        if (state == JournalState::ok) {
            log_.info("the journal is written again");
        } else {
            log_.error("the journal cannot be written: nothing is acted on", {{"why", words}});
        }
    });
    return {};
}

Result<void> App::open_credentials() {
    const auto told = [this](const CredentialNews& news) {
        metrics_.credential(news.name,
                            news.renewed   ? CredentialRefresh::renewed
                            : news.refused ? CredentialRefresh::refused
                                           : CredentialRefresh::failed,
                            news.expires);
        if (news.renewed) {
            log_.info("a credential was renewed", {{"of", news.name}, {"how", news.words}});
        } else if (!news.repeated) {
            log_.warning("a credential could not be renewed",
                         {{"of", news.name}, {"why", news.words}});
        }
    };
    auto credentials = Credentials::make(io_, clock_, config_, told);
    if (!credentials) return tl::unexpected(credentials.error());
    credentials_ = std::move(*credentials);
    auto auditor = make_auditor(io_.get_executor(), clock_, config_, *credentials_);
    if (!auditor) return tl::unexpected(auditor.error());
    auditor_ = std::move(*auditor);
    return {};
}

Result<void> App::open_probing() {
    Probing::Callbacks callbacks;
    callbacks.next_attempt = [this] { return journal_->next_attempt(); };
    callbacks.on_started = [this](Channel channel) { metrics_.started(channel); };
    callbacks.on_observation = [this](const Observation& observation) {
        metrics_.finished(observation);
        recent_.add(observation);
        journal_->note(observation);
        step(ObservationSeen{observation});
    };
    callbacks.on_gauge = [this](const Gauge& gauge) { step(GaugeSeen{gauge}); };
    callbacks.on_missed = [this](Channel channel, std::uint64_t ticks) {
        metrics_.missed_ticks(channel, ticks);
        missed_[channel] += ticks;
    };
    callbacks.on_start_lag = [this](Duration lag) { metrics_.schedule_lag(lag); };
    callbacks.on_loop_lag = [this](Duration lag) { metrics_.loop_lag(lag); };
    callbacks.on_reconnect = [this](const Reconnect& one) { metrics_.reconnect(one); };
    callbacks.on_certificate = [this](const std::string& peer, WallTime expires) {
        metrics_.certificate(peer, expires);
    };
    callbacks.on_certificates_read = [this](const Result<void>& read) {
        metrics_.certificates_reloaded(read.has_value());
        if (read) {
            log_.info("certificates were read anew");
        } else {
            log_.warning("changed certificates are no good; those read before stay in use",
                         {{"why", read.error().message}});
        }
    };
    const std::string run =
        journal_->id().substr(0, 8) + "-" + std::to_string(journal_->next_attempt().value);
    auto probing = Probing::make(io_.get_executor(), clock_, config_, *credentials_, run,
                                 std::move(callbacks));
    if (!probing) return tl::unexpected(probing.error());
    probing_ = std::move(*probing);
    return {};
}

Result<void> App::open_http() {
    HttpAnswers answers;
    answers.metrics = [this] {
        refresh_metrics();
        return metrics_.text();
    };
    answers.health = [this] { return health(); };
    answers.status = [this] { return status_json(status_facts()); };
    answers.command = [this](CommandGiven given, HttpAnswers::CommandAnswer answer) {
        command(std::move(given), std::move(answer));
    };
    HttpServerOptions options;
    options.host = config_.listen.host;
    options.port = config_.listen.port;
    auto server = HttpServer::open(io_, clock_, options, std::move(answers));
    if (!server) return tl::unexpected(server.error());
    http_ = std::move(*server);
    // So that `voltcanary status` finds us whatever port the kernel chose.
    const std::string text = "{\"port\":" + std::to_string(http_->port()) +
                             ",\"pid\":" + std::to_string(getpid()) + "}\n";
    return write_file(config_.state + "/http.json", text);
}

void App::say_what_runs() {
    const bool acts = config_.rules.mode == Mode::automatic;
    log_.info("voltcanary runs", {{"version", VC_VERSION},
                                  {"mode", acts ? "auto" : "observe"},
                                  {"listen", to_text(config_.listen)},
                                  {"state", config_.state}});
    log_.warning("one watcher: a quorum of one decides alone",
                 {{"accepted", config_.rules.single_watcher_accepted ? "yes" : "no"}});
    for (const Error& warning : config_.warnings)
        log_.warning(to_text(warning));
    if (clock_.factor() != 1.0) {
        log_.warning("time-lapse: every duration is scaled",
                     {{"factor", std::to_string(clock_.factor())}});
    }
}

boost::asio::awaitable<void> App::keep_ticking() {
    while (!stopped_) {
        step(Tick{});
        refresh_metrics();
        tick_timer_.expires_after(clock_.to_machine(tick_every));
        co_await tick_timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
}

Event App::stamped(EventBody body) {
    last_step_ = std::max(clock_.now(), last_step_);
    return {last_step_, std::move(body)};
}

void App::step(EventBody body) {
    take(engine_.step(stamped(std::move(body))));
}

void App::take(Batch batch, Written written) {
    if (batch.empty()) {
        if (written) written({});
        return;
    }
    for (const Record& record : batch.records()) {
        metrics_.record(record);
        say(record);
    }
    const Instant decided = batch.records().empty() ? clock_.now() : batch.records().front().at;
    const auto synced = [this, decided, written = std::move(written)](Result<SyncedToken> token,
                                                                      Batch done) {
        if (!token) {
            log_.error("a decision was not written and is not acted on",
                       {{"why", token.error().message}});
            if (written) written(tl::unexpected(token.error()));
            return;
        }
        carry_out(std::move(done).release(*token), decided);
        if (written) written({});
    };
    journal_->append(std::move(batch), synced);
}

void App::command(CommandGiven given, HttpAnswers::CommandAnswer answer) {
    const std::string words = std::string(to_text(given.command)) + " is on record";
    Batch batch = engine_.step(stamped(std::move(given)));
    if (batch.empty()) {
        answer(failure("nothing to do: there is no incident that it could apply to"));
        return;
    }
    take(std::move(batch), [answer, words](const Result<void>& written) {
        if (written) {
            answer(words);
        } else {
            answer(tl::unexpected(written.error()));
        }
    });
}

// Those that the run before may not have delivered. Their keys are those they had.
void App::page_again() {
    for (const Record& record : std::exchange(unsettled_pages_, {})) {
        log_.warning("a page of the run before is sent again", {{"raised", to_text(record.at)}});
        notifier_->page(std::get<PageRaised>(record.body), record.at);
    }
}

void App::carry_out(std::vector<Action> actions, Instant decided) {
    for (Action& action : actions) {
        if (auto* order = std::get_if<RunHook>(&action)) {
            const Duration waited = clock_.now() - decided;
            if (is_out_of_date(*order, waited, config_.rules.detectors.standby_loops_within)) {
                step(HookFinished{
                    order->run, HookOutcome::refused,
                    "out of date: the order waited " + to_text(waited) + " for the journal"});
                continue;
            }
            hooks_->run(std::move(*order), [this](HookFinished finished) {
                metrics_.hook_run(finished.run.verb, finished.outcome);
                step(std::move(finished));
                end_if_quiet();
            });
        } else if (const auto* order = std::get_if<AuditStandby>(&action)) {
            auditor_->run(order->number, [this](StandbyAudit audit) {
                if (!stopping_) step(AuditFinished{std::move(audit)});
            });
        } else if (const auto* told = std::get_if<NotifyPage>(&action)) {
            notifier_->page(told->page, decided);
        }
    }
}

void App::refresh_metrics() {
    count_open();
    const EngineStatus status = engine_.status();
    metrics_.status(status);
    metrics_.readiness(readiness_facts(status));
    metrics_.journal(journal_facts(journal_->counts()));
    metrics_.notify(notify_facts(notifier_->counts()));
    metrics_.session_events(session_events(probing_->counters()));
    metrics_.log_lines_lost(log_.lines_lost());
}

std::uint64_t App::count_open() {
    std::uint64_t open = 0;
    for (const Channel channel : all_channels) {
        const std::uint64_t attempts = probing_->in_flight(channel);
        metrics_.in_flight(channel, attempts);
        open += attempts;
    }
    return open;
}

std::string App::unaccounted() {
    const std::uint64_t ours = count_open();
    if (auto missing = metrics_.unaccounted()) return *missing;
    const std::uint64_t theirs = probing_->open_in_sessions();
    if (ours == theirs) return "";
    return std::to_string(ours) + " are open, and the sessions know of " + std::to_string(theirs);
}

StatusFacts App::status_facts() {
    StatusFacts facts;
    facts.engine = engine_.status();
    facts.version = VC_VERSION;
    facts.mode = config_.rules.mode;
    facts.single_watcher_accepted = config_.rules.single_watcher_accepted;
    facts.started = started_;
    facts.time_lapse = clock_.factor();
    facts.journal_id = journal_->id();
    facts.journal_state = to_text(journal_->counts().state);
    facts.journal = journal_facts(journal_->counts());
    facts.notify = notify_facts(notifier_->counts());
    for (const Channel channel : all_channels) {
        if (config_.probe(channel).targets == 0) continue;
        ChannelFacts& one = facts.channels[channel];
        one.counts = metrics_.accounting(channel);
        one.counts.in_flight = probing_->in_flight(channel);
        one.recent = recent_.facts(channel);
        const auto missed = missed_.find(channel);
        one.missed_ticks = missed == missed_.end() ? 0 : missed->second;
    }
    if (std::string missing = unaccounted(); !missing.empty()) facts.unaccounted = missing;
    return facts;
}

Health App::health() const {
    // The fastest channel sets the pace: none of its attempts ending means that we do not work.
    Duration fastest = Duration::max();
    for (const ChannelCadence& cadence : config_.rules.cadences) {
        fastest = std::min(fastest, cadence.every + 3 * cadence.budget);
    }
    return judge_health(clock_.now(), recent_.last_finish(), periods_alive * fastest);
}

void App::say(const Record& record) {
    const bool matters = !std::holds_alternative<BlockClosed>(record.body);
    const auto level = std::holds_alternative<PageRaised>(record.body) ? LogLevel::warning
                       : matters                                       ? LogLevel::info
                                                                       : LogLevel::debug;
    log_.write(level, kind_of(record), {{"record", bounded(to_json(record))}});
}

void App::on_signal() {
    if (stopping_) return;
    stopping_ = true;
    log_.info("stopping", {{"deadline", to_text(config_.stop_deadline)}});
    hooks_->stop();
    engine_.hold();
    credentials_->stop();
    probing_->stop(clock_.now() + config_.stop_deadline, [this] {
        // From within the last session's own coroutine: leave it first.
        boost::asio::post(io_, [this] {
            probes_ended_ = true;
            end_if_quiet();
        });
    });
    // Neither a disk that fails nor a hook that takes its time must keep us: at the deadline what
    // the disk cannot take is given up, and the hook is killed; the next run asks for its effect.
    auto last = std::make_shared<boost::asio::steady_timer>(io_);
    last->expires_after(clock_.to_machine(config_.stop_deadline + std::chrono::seconds(5)));
    last->async_wait([this, last](const boost::system::error_code&) {
        if (stopped_) return;
        log_.error("the stop deadline has passed: what is not done is given up",
                   {{"batches", std::to_string(journal_->counts().batches_waiting)},
                    {"hooks", std::to_string(hooks_->in_flight())}});
        journal_->give_up();
        drained();
    });
}

// A hook under way may end, and its end goes on record: killing it would leave a doubt.
void App::end_if_quiet() {
    if (!probes_ended_ || hooks_->in_flight() > 0) return;
    journal_->flush([this] { drained(); });
}

void App::drained() {
    stopped_ = true;
    io_.stop();
}

int run_daemon(const Config& config, const Clock& clock) {
    // Whoever reads our log may go away; the watch goes on. Hooks get the default back.
    std::signal(SIGPIPE, SIG_IGN);
    return App(config, clock).run();
}

}  // namespace vc
