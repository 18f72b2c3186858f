#ifndef HOLKAS_SERVICE_SANDBOX_STORE_DIRECTORIES_H_
#define HOLKAS_SERVICE_SANDBOX_STORE_DIRECTORIES_H_

#include "proto/wire/unique_fd.h"

namespace holkas {

// The open directories of a store of containers/storage, as a worker gets them. Each is the root of
// a mount that is attached nowhere, so that nothing is above it, and no device opens in it.
struct StoreDirectories {
  UniqueFd graph_root;
  UniqueFd run_root;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_SANDBOX_STORE_DIRECTORIES_H_
