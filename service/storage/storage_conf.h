#ifndef HOLKAS_SERVICE_STORAGE_STORAGE_CONF_H_
#define HOLKAS_SERVICE_STORAGE_STORAGE_CONF_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// What one storage.conf says (containers-storage.conf(5)) of where images are kept; empty where it
// says nothing.
struct StorageConf {
  std::string driver;
  std::string graph_root;
  std::string run_root;
  std::string rootless_storage_path;
  // `overlay.mount_program=/usr/bin/fuse-overlayfs`, as they stand in a reference.
  std::vector<std::string> options;
};

// Keys that nothing here needs are passed over, known or not. `name` is what errors call the file.
// Errors: INVALID_ARGUMENT (INVALID_CONFIG), `name:line: why`, for malformed TOML and values of
// another type.
absl::StatusOr<StorageConf> ParseStorageConf(absl::string_view text, const std::string& name);

// The same of a file.
// Errors: NOT_FOUND and others of reading it; those of ParseStorageConf.
absl::StatusOr<StorageConf> LoadStorageConf(const std::string& path);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_STORAGE_STORAGE_CONF_H_
