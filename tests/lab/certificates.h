// A certificate authority of the lab's own, made anew at every start: no key lies in the tree and
// nothing expires. EC P-256 throughout, so that a handshake costs little. PEM texts, nothing else.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace vc::lab {

struct Pem {
    std::string certificate;
    std::string key;
};

class Authority {
  public:
    Authority();
    ~Authority();
    Authority(const Authority&) = delete;
    Authority& operator=(const Authority&) = delete;

    const std::string& certificate() const { return certificate_; }

    struct Wish {
        std::string name;                // the subject's common name
        std::vector<std::string> hosts;  // "DNS:localhost", "IP:127.0.0.1"
        bool client = false;             // for clients rather than servers
        bool expired = false;            // ended an hour ago
    };
    Pem issue(const Wish& wish);

  private:
    struct Keys;
    std::unique_ptr<Keys> keys_;
    std::string certificate_;
    long serial_ = 1;
};

}  // namespace vc::lab
