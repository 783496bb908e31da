// Every credential that is kept fresh: secrets in files are read again, tokens are fetched ahead of
// need. Those of both brokers are here from the start; whoever else has an identity asks for its
// tokens. Owned by the App, on its thread; outlives the probes that ask it.
//
// Nothing that it tells holds a secret or any part of one.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/credentials/broker_credentials.h"
#include "daemon/credentials/secret_watch.h"

namespace vc {

// One try to have a secret or a token anew.
struct CredentialNews {
    std::string name;  // whose: "primary", "standby", or as given to identity()
    bool renewed = false;
    bool refused = false;            // by the issuer; when not renewed
    std::string words;               // what was renewed, or why not
    bool repeated = false;           // as the last of this name
    std::optional<Instant> expires;  // of the token in use
};

class Credentials {
  public:
    using Told = std::function<void(const CredentialNews&)>;

    // Fails when certificates of a token endpoint cannot be loaded.
    static Result<std::unique_ptr<Credentials>> make(boost::asio::io_context& io,
                                                     const Clock& clock, const Config& config,
                                                     Told told);

    // The tokens of an identity, one fetcher for all that are the same. Before start().
    Result<std::shared_ptr<const IdentityTokens>> identity(const std::string& name,
                                                           const IdentityConfig& identity);

    // Shared with the sessions, which may outlive the stop of everything else.
    std::shared_ptr<const BrokerCredentials> primary() const { return primary_; }
    std::shared_ptr<const BrokerCredentials> standby() const { return standby_; }
    // Shown where a broker lists what it holds: the same, unless the configuration names others.
    std::shared_ptr<const BrokerCredentials> primary_management() const {
        return primary_management_;
    }
    std::shared_ptr<const BrokerCredentials> standby_management() const {
        return standby_management_;
    }

    void start();
    void stop();

  private:
    struct Identity {
        IdentityConfig config;
        std::shared_ptr<IdentityTokens> tokens;  // shared with those who show them
        std::vector<std::string> names;
    };

    Credentials(boost::asio::io_context& io, const Clock& clock, std::uint64_t seed, Told told);
    Result<std::shared_ptr<BrokerCredentials>> make_one(const std::string& name,
                                                        const BrokerConfig& broker);
    Result<void> make_management(const Config& config);
    void watch(const BrokerConfig& broker, const std::string& name, BrokerCredentials& credentials);
    void tell_of(const std::string& name, const SecretSource& source, const Result<void>& taken,
                 const IdentityTokens* tokens);
    void tell(CredentialNews news);

    boost::asio::io_context& io_;
    Clock clock_;
    std::uint64_t seed_;
    Told told_;
    std::vector<std::unique_ptr<Identity>> identities_;  // callbacks hold on to each
    std::map<std::string, std::string> last_words_;      // by name, to tell repetitions
    std::shared_ptr<BrokerCredentials> primary_;
    std::shared_ptr<BrokerCredentials> standby_;
    std::shared_ptr<BrokerCredentials> primary_management_;
    std::shared_ptr<BrokerCredentials> standby_management_;
    SecretWatch watch_;
};

}  // namespace vc
