// A key and a certificate for "localhost", signed by itself and made anew for each test run: no key
// lies in the tree, and nothing expires.
#pragma once

#include <string>

namespace vc {

struct PemPair {
    std::string key;
    std::string certificate;
};

// Valid for a day.
PemPair make_localhost_certificate();

}  // namespace vc
