#ifndef HOLKAS_WORKER_ZYGOTE_HUGE_TEXT_H_
#define HOLKAS_WORKER_ZYGOTE_HUGE_TEXT_H_

#include "absl/status/status.h"

namespace holkas {

// Moves the program's code to huge pages. A clone of the zygote finds file-backed code page by
// page, each time with a fault; huge pages are entered into its tables at once. The price is a copy
// of the code, so that only a zygote that launches many workers should do it.
//
// The code has the same bytes at the same addresses before and after, and is never writable where
// it runs. Called by a process with one thread, before anything forbids executable mappings.
// Errors: UNAVAILABLE where the kernel does not give such pages; the code stays where it was then.
// Where it fails to put them into place, the last step, the process may end.
absl::Status MoveTextToHugePages();

}  // namespace holkas

#endif  // HOLKAS_WORKER_ZYGOTE_HUGE_TEXT_H_
