#ifndef HOLKAS_SERVICE_BROKER_MARK_OPAQUE_H_
#define HOLKAS_SERVICE_BROKER_MARK_OPAQUE_H_

#include <string>

#include "absl/status/status.h"

namespace holkas {

// Sets `trusted.overlay.opaque` of the directory `path` below `graph_root` to `y`. overlay heeds
// extended attributes of this kind alone where root mounts it, and no process without CAP_SYS_ADMIN
// of the machine may set them: no worker has that. `path` comes from a worker.
// Errors: NOT_FOUND; PERMISSION_DENIED (PATH_DENIED) where it is no directory, or a symbolic link
// is on the way; RESOURCE_EXHAUSTED (DISK_FULL); INTERNAL (WORKER_VIOLATION) where it is no path.
absl::Status MarkOpaque(int graph_root, const std::string& path);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_MARK_OPAQUE_H_
