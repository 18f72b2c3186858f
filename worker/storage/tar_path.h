#ifndef HOLKAS_WORKER_STORAGE_TAR_PATH_H_
#define HOLKAS_WORKER_STORAGE_TAR_PATH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace holkas {

// The name of a tar's entry as a path within the layer: without `.`, empty parts and slashes at
// either end; `..` takes the part before it away, at the root nothing. Empty for the root.
std::string CleanTarPath(absl::string_view name);

// The directory of a cleaned path, and its last part. The root is the directory of a path of one
// part, and is empty.
absl::string_view TarPathParent(absl::string_view path);
absl::string_view TarPathBase(absl::string_view path);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_TAR_PATH_H_
