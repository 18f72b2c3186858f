#ifndef HOLKAS_WORKER_STORAGE_COPY_TREE_H_
#define HOLKAS_WORKER_STORAGE_COPY_TREE_H_

#include "absl/status/status.h"
#include "worker/storage/directory.h"
#include "worker/storage/layer_budget.h"

namespace holkas {

// Copies all that is in `from` to `to`, which is empty: files with their owners, permissions,
// times, extended attributes and hard links. For vfs, where each layer has the files of those below
// it. What is copied is taken from `budget`.
// Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for directories nested too deeply, and where the
// budget is used up.
absl::Status CopyTree(const Directory& from, const Directory& to, LayerBudget& budget);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_COPY_TREE_H_
