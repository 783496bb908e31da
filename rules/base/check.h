// VC_CHECK: our own bugs, on in every build. A false condition prints where and why and aborts:
// systemd restarts the daemon and the journal brings it back to where it was. Never used for bad
// input, a failing peer or a failing disk; those are data (Observation) or errors (Result).
#pragma once

#include <cstdio>
#include <cstdlib>

namespace vc::detail {
[[noreturn]] inline void check_failed(const char* file, int line, const char* condition,
                                      const char* words) {
    std::fprintf(stderr, "%s:%d: VC_CHECK(%s) failed: %s\n", file, line, condition, words);
    std::abort();
}
}  // namespace vc::detail

#define VC_CHECK(condition, words) \
    ((condition) ? void(0) : ::vc::detail::check_failed(__FILE__, __LINE__, #condition, words))
