#ifndef HOLKAS_SERVICE_BROKER_STORE_DIRECTORY_H_
#define HOLKAS_SERVICE_BROKER_STORE_DIRECTORY_H_

#include <string>

#include "absl/status/statusor.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// How the directories of a store are opened that a worker names, for what the service does there
// for it: below the graph root, through no symbolic link. Messages do not repeat what the worker
// asked for: it is not fit to be shown.
// Errors of both: NOT_FOUND; PERMISSION_DENIED (PATH_DENIED) where it is no directory, or a
// symbolic link or another mount is on the way.

// Opens the directory of the store's driver. It may be a mount: containers/storage mounts it onto
// itself.
absl::StatusOr<UniqueFd> OpenDriverDirectory(int graph_root, const std::string& path);

// Opens a directory below that. No mount may be on the way: it would be a container's file system.
absl::StatusOr<UniqueFd> OpenInDriver(int driver, const std::string& path);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_STORE_DIRECTORY_H_
