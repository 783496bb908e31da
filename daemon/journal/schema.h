// The journal's tables and their version. A program opens journals of its own version, brings older
// ones up to it, and leaves newer ones alone.
#pragma once

#include <string>

#include "daemon/journal/sqlite.h"
#include "rules/base/error.h"

namespace vc {

inline constexpr int journal_version = 2;
inline constexpr const char* journal_file = "journal.db";
inline constexpr const char* journal_lock = "journal.lock";

// The words of `error` with what they are about.
tl::unexpected<Error> journal_failure(const std::string& path, const DatabaseError& error);

// Makes the tables of an empty file, or brings an older journal up to date, in one transaction.
Result<void> prepare_schema(Database& database, const std::string& path);

// Only looks: right application, right version.
Result<void> check_schema(Database& database, const std::string& path);

}  // namespace vc
