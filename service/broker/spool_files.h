#ifndef HOLKAS_SERVICE_BROKER_SPOOL_FILES_H_
#define HOLKAS_SERVICE_BROKER_SPOOL_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// The temporary files of one job: unnamed, to be written and read by its worker, gone with the job.
// Not thread-safe.
class SpoolFiles {
 public:
  // At most `max_files` files in `directory`, of `max_bytes` in all.
  SpoolFiles(std::string directory, int max_files, int64_t max_bytes)
      : directory_(std::move(directory)), max_files_(max_files), max_bytes_(max_bytes) {}

  // A new empty file, for reading and writing.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED, DISK_FULL); NOT_FOUND and PERMISSION_DENIED
  // (PATH_DENIED) of the directory.
  absl::StatusOr<UniqueFd> Create();

  // Whether the files are no larger than they may be.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::Status Check() const;

 private:
  const std::string directory_;
  const int max_files_;
  const int64_t max_bytes_;
  std::vector<UniqueFd> files_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_SPOOL_FILES_H_
