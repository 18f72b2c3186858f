#ifndef HOLKAS_WORKER_ARCHIVE_MOVE_RANGE_H_
#define HOLKAS_WORKER_ARCHIVE_MOVE_RANGE_H_

#include <cstdint>

#include "absl/status/status.h"

namespace holkas {

// Copies `size_bytes` bytes of the file at `from` to `to`; the two ranges may overlap.
// Errors: those of reading and writing; DATA_LOSS (CONTENT_MISMATCH) where the file ends before.
absl::Status MoveRange(int fd, int64_t from, int64_t to, int64_t size_bytes);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_MOVE_RANGE_H_
