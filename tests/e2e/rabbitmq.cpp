#include "tests/e2e/rabbitmq.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <csignal>
#include <stdexcept>

#include "tests/e2e/platform.h"

namespace vc::e2e {
namespace {

namespace fs = std::filesystem;
using boost::asio::ip::tcp;

// Not the wrapper in /usr/sbin, which insists on being the package's own user; this one becomes
// the Erlang machine itself, so that the process we know is the broker.
constexpr const char* server = "/usr/lib/rabbitmq/bin/rabbitmq-server";
constexpr const char* mapper = "/usr/bin/epmd";

// Free a moment ago. RabbitMQ cannot be asked to listen on a port of the kernel's choice.
std::uint16_t free_port() {
    boost::asio::io_context io;
    tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
    return acceptor.local_endpoint().port();
}

bool accepts(std::uint16_t port) {
    boost::asio::io_context io;
    tcp::socket socket(io);
    boost::system::error_code error;
    socket.connect({boost::asio::ip::address_v4::loopback(), port}, error);
    return !error;
}

}  // namespace

bool RabbitSite::available() {
    return fs::exists(server) && fs::exists(mapper);
}

RabbitSite::RabbitSite(fs::path dir) : dir_(std::move(dir)), port_(free_port()) {
    fs::create_directories(dir_);
    // The nodes would each make one, and trip over each other's.
    const fs::path cookie = dir_ / ".erlang.cookie";
    write_text(cookie, "VOLTCANARYTEST");
    fs::permissions(cookie, fs::perms::owner_read);
    mapper_ = std::make_unique<Child>(
        std::vector<std::string>{mapper, "-port", std::to_string(port_), "-address", "127.0.0.1"},
        std::map<std::string, std::string>{}, dir_ / "epmd.log");
    const bool up = eventually(Clock(), std::chrono::seconds(10), [&] { return accepts(port_); });
    if (!up) throw std::runtime_error("epmd did not start: " + mapper_->log_text());
}

RabbitNode::RabbitNode(const RabbitSite& site, const std::string& name)
    : dir_(site.dir() / name), port_(free_port()) {
    fs::create_directories(dir_ / "log");
    fs::create_directories(dir_ / "mnesia");
    write_text(dir_ / "enabled_plugins", "[rabbitmq_amqp1_0].\n");
    write_text(dir_ / "rabbitmq.conf", "listeners.tcp.1 = 127.0.0.1:" + std::to_string(port_) + R"(
loopback_users = none
default_user = probe
default_pass = probe
vm_memory_high_watermark.absolute = 256MB
disk_free_limit.absolute = 10MB
log.console = false
)");
    environment_ = {
        {"HOME", site.dir().string()},
        {"ERL_EPMD_PORT", std::to_string(site.port())},
        {"ERL_EPMD_ADDRESS", "127.0.0.1"},
        {"RABBITMQ_NODENAME", name + "@localhost"},
        {"RABBITMQ_DIST_PORT", std::to_string(free_port())},
        {"RABBITMQ_ALLOW_INPUT", "yes"},
        {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
         "-noinput -kernel inet_dist_use_interface {127,0,0,1} +S 1:1"},
        {"RABBITMQ_CONFIG_FILE", (dir_ / "rabbitmq.conf").string()},
        {"RABBITMQ_ENABLED_PLUGINS_FILE", (dir_ / "enabled_plugins").string()},
        {"RABBITMQ_MNESIA_BASE", (dir_ / "mnesia").string()},
        {"RABBITMQ_LOG_BASE", (dir_ / "log").string()},
        {"RABBITMQ_PID_FILE", (dir_ / "pid").string()},
        {"RABBITMQ_FEATURE_FLAGS_FILE", (dir_ / "feature_flags").string()},
        {"RABBITMQ_CONF_ENV_FILE", "/dev/null"},
    };
    start();
}

void RabbitNode::start() {
    process_ = std::make_unique<Child>(std::vector<std::string>{server}, environment_,
                                       dir_ / "output.log");
}

bool RabbitNode::listens() const {
    if (!process_->running()) throw std::runtime_error("RabbitMQ ended: " + log_text());
    return accepts(port_);
}

void RabbitNode::freeze() {
    process_->signal(SIGSTOP);
}

void RabbitNode::thaw() {
    process_->signal(SIGCONT);
}

void RabbitNode::kill_hard() {
    process_->signal(SIGKILL);
    process_->wait(std::chrono::seconds(10));
}

}  // namespace vc::e2e
