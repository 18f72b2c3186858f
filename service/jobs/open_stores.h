#ifndef HOLKAS_SERVICE_JOBS_OPEN_STORES_H_
#define HOLKAS_SERVICE_JOBS_OPEN_STORES_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/unique_fd.h"
#include "service/policy/grants.h"
#include "service/sandbox/launcher.h"
#include "service/sandbox/store_directories.h"

namespace holkas {

// What was opened for a job with stores of containers/storage, before it has a worker.
struct OpenedStores {
  std::optional<StoreDirectories> source;
  std::optional<StoreDirectories> destination;
  // The source's layout or image directory, read-only: a worker that writes to a store could change
  // the owner of each file that it is passed otherwise.
  UniqueFd source_root;
  // The source's single files likewise, by their numbers; not valid where one cannot be read.
  std::vector<UniqueFd> source_files;
  // The directory of the layout's blobs, in the same way, where they are shared.
  UniqueFd source_blobs;

  // The directories that the worker has rights in; they stay this one's.
  std::vector<WorkerDirectory> directories;
};

// Opens what the grants have of stores; nothing where they have none. Makes the directories of a
// store that are not there, with the mode 0700, as containers/storage does.
// Errors: PERMISSION_DENIED (PATH_DENIED) and others of making and opening directories; those of
// Launcher::OpenTrees; FAILED_PRECONDITION where what was opened is not what is there.
absl::StatusOr<OpenedStores> OpenStores(const Grants& grants, Launcher& launcher);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_JOBS_OPEN_STORES_H_
