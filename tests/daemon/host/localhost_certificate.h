// Keys and certificates made anew for each test run: no key lies in the tree, and nothing expires
// unless it is meant to.
#pragma once

#include <string>

namespace vc {

struct PemPair {
    std::string key;
    std::string certificate;
};

struct CertificateWish {
    std::string name = "localhost";           // of its owner
    std::string valid_for = "DNS:localhost";  // as OpenSSL writes it: "DNS:a,IP:127.0.0.1"
    bool is_ca = false;
    bool expired = false;             // an hour ago; else it is valid for a day
    const PemPair* issuer = nullptr;  // signed by itself without one
};

PemPair make_certificate(const CertificateWish& wish);

// For "localhost", signed by itself.
PemPair make_localhost_certificate();

}  // namespace vc
