#include "daemon/host/dump.h"

#include <sys/prctl.h>

#include "rules/base/check.h"

namespace vc {

void forbid_dumps() {
    // Not RLIMIT_CORE: the kernel ignores it when dumps go to a program.
    VC_CHECK(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, "a process may always forbid its dumps");
}

}  // namespace vc
