// A RabbitMQ node with its AMQP 1.0 plugin, as Debian's package has it, without the package's own
// service: a broker that nobody here wrote. On loopback and on ports that the kernel named; known
// and ended by its process. All nodes of a RabbitSite share one port mapper of their own.
//
// Queues are addressed as /queue/NAME and made when they are attached to; user and password are
// both "probe". Every failure to start throws: a test can only fail then.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "tests/e2e/child.h"

namespace vc::e2e {

// The port mapper (epmd) and the secret by which Erlang's nodes know each other.
class RabbitSite {
  public:
    explicit RabbitSite(std::filesystem::path dir);
    const std::filesystem::path& dir() const { return dir_; }
    std::uint16_t port() const { return port_; }

    // Whether the package is installed.
    static bool available();

  private:
    std::filesystem::path dir_;
    std::uint16_t port_;
    std::unique_ptr<Child> mapper_;
};

class RabbitNode {
  public:
    // Begins to start; listens() tells when it is up.
    RabbitNode(const RabbitSite& site, const std::string& name);

    std::uint16_t port() const { return port_; }
    bool listens() const;
    void freeze();  // SIGSTOP: connections stay, nothing answers
    void thaw();
    void kill_hard();
    void start();  // again, with the same port and the same queues
    std::string log_text() const { return process_->log_text(); }

  private:
    std::filesystem::path dir_;
    std::uint16_t port_;
    std::map<std::string, std::string> environment_;
    std::unique_ptr<Child> process_;
};

}  // namespace vc::e2e
