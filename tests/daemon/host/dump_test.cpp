#include "daemon/host/dump.h"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

// Whether the kernel would dump a process that has done this.
template <class Done>
bool dumpable_after(Done done) {
    const pid_t child = ::fork();
    if (child == 0) {
        done();
        ::_exit(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WEXITSTATUS(status) != 0;
}

}  // namespace

TEST_CASE("a process that forbade its dumps cannot be dumped") {
    CHECK(dumpable_after([] {}));
    CHECK_FALSE(dumpable_after([] { vc::forbid_dumps(); }));
}
