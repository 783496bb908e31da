// Where a secret stands: in a file, a systemd credential (a file that systemd made for us) or an
// environment variable. Files are read again while the daemon runs; an environment cannot change.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/config/secret.h"
#include "rules/base/error.h"

namespace vc {

struct SecretSource {
    enum class Kind : std::uint8_t { none, file, credential, environment };
    Kind kind = Kind::none;
    std::string name;  // as it was written: a path, a credential, a variable
    std::string path;  // of the file that holds it; empty for an environment variable

    bool can_change() const { return kind == Kind::file || kind == Kind::credential; }
    friend bool operator==(const SecretSource&, const SecretSource&) = default;
};

// "file /etc/x", "credential x", "environment variable X, read at the start only": not the secret.
std::string to_text(const SecretSource& source);

// One line without the line end that editors leave. Blocking. The error is one line and holds
// nothing of what was read.
Result<Secret> read_secret(const SecretSource& source);

}  // namespace vc
