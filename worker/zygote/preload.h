#ifndef HOLKAS_WORKER_ZYGOTE_PRELOAD_H_
#define HOLKAS_WORKER_ZYGOTE_PRELOAD_H_

#include "absl/status/status.h"

namespace holkas {

// Does once, in the zygote, what libraries do at their first use and a confined worker could not:
// reading configuration files, making tables, asking how many processors there are.
absl::Status PreloadLibraries();

}  // namespace holkas

#endif  // HOLKAS_WORKER_ZYGOTE_PRELOAD_H_
