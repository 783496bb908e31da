// The failover calls of Azure Resource Manager for the lab's pair of namespaces: a Geo-DR alias
// that points at one of them (metadata only; fail-forward: after a failover the pairing is broken),
// and the promotion of Geo-Replication. An operation is done at once, or after the mode's minutes;
// meanwhile it is Accepted, and another one gets 409. Nothing moves in the lab by it: who was
// promoted is told by state(), by the answers and by the truth.
#pragma once

#include <functional>
#include <string>

#include "tests/lab/azure/mode.h"
#include "tests/lab/http.h"
#include "tests/lab/truth.h"

namespace boost::json {
class object;
}

namespace vc::lab {

class Arm {
  public:
    Arm(Agenda& agenda, Truth& truth);

    AzureMode mode;
    // `path` is what follows the namespace's own: "", "/failover", "/disasterRecoveryConfigs/a".
    HttpResponse answer(const HttpRequest& request, const std::string& name, const std::string& id,
                        const std::string& path);
    boost::json::object state() const;

  private:
    HttpResponse alias(const HttpRequest& request, const std::string& name, const std::string& id,
                       const std::string& path);
    HttpResponse promote(const HttpRequest& request, const std::string& name,
                         const std::string& id);
    HttpResponse operation(const std::string& path) const;
    HttpResponse begin(const std::string& words, const std::string& name, unsigned status,
                       std::function<void()> effect);
    boost::json::object alias_json(const std::string& name, const std::string& id) const;
    boost::json::object namespace_json(const std::string& name, const std::string& id) const;

    Agenda& agenda_;
    Truth& truth_;
    std::string alias_primary_ = "primary";  // where the alias points
    bool paired_ = true;
    std::string promoted_ = "primary";  // of Geo-Replication
    bool busy_ = false;
    std::uint64_t operations_ = 0;
    Timer done_;
};

}  // namespace vc::lab
