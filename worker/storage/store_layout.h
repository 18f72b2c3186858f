#ifndef HOLKAS_WORKER_STORAGE_STORE_LAYOUT_H_
#define HOLKAS_WORKER_STORAGE_STORE_LAYOUT_H_

#include "absl/status/status.h"
#include "worker/storage/store.h"

namespace holkas {

// Makes the directories of a store that are not there yet, as in a directory that is empty.
absl::Status MakeStoreLayout(const Store& store);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_STORE_LAYOUT_H_
