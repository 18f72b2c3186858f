#ifndef HOLKAS_WORKER_BLOB_COUNT_BYTES_H_
#define HOLKAS_WORKER_BLOB_COUNT_BYTES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// How many bytes `source` has; reads all of them by way of `buffer`. Errors: those of the source.
inline absl::StatusOr<int64_t> CountBytes(ByteSource& source, absl::Span<char> buffer) {
  int64_t size_bytes = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, source.Read(buffer));
    if (count == 0) {
      return size_bytes;
    }
    size_bytes += static_cast<int64_t>(count);
  }
}

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_COUNT_BYTES_H_
