// What really happened, as JSON lines: each fault and each act of a hook, with the rules' Instant.
// Tests and reports compare the daemon's diagnosis with this. Kept in memory (bounded: the oldest
// half goes) and appended to a file when one is named.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "rules/base/error.h"
#include "tests/lab/agenda.h"

namespace boost::json {
class object;
}

namespace vc::lab {

class Truth {
  public:
    explicit Truth(Agenda& agenda) : agenda_(agenda) {}

    // Appends to `path`; fails when it cannot be opened.
    Result<void> log_to(const std::string& path);

    // Adds at_ns and at to `line` and logs it under "event".
    void add(const char* event, boost::json::object line);

    const std::vector<std::string>& lines() const { return lines_; }

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    Agenda& agenda_;
    std::vector<std::string> lines_;
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace vc::lab
