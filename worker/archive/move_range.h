#ifndef HOLKAS_WORKER_ARCHIVE_MOVE_RANGE_H_
#define HOLKAS_WORKER_ARCHIVE_MOVE_RANGE_H_

#include <cstdint>

#include "absl/status/status.h"

namespace holkas {

// A place in a file.
struct FilePlace {
  int fd = -1;
  int64_t offset = 0;
};

// Copies `size_bytes` bytes; the two ranges may overlap.
// Errors: those of reading and writing; DATA_LOSS (CONTENT_MISMATCH) where the file ends before.
absl::Status MoveRange(const FilePlace& from, const FilePlace& to, int64_t size_bytes);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_MOVE_RANGE_H_
