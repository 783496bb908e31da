// Secrets live in our memory, and a core dump would write them to a disk, or send them off, where
// nobody guards them.
#pragma once

namespace vc {

// From now on this process leaves no core dump, whatever ends it, and no other process of its user
// may read its memory. Programs that it starts are as they were.
void forbid_dumps();

}  // namespace vc
