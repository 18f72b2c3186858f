#ifndef HOLKAS_WORKER_BLOB_BYTE_SOURCE_H_
#define HOLKAS_WORKER_BLOB_BYTE_SOURCE_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace holkas {

// Bytes to be read once, from front to back: a blob of a registry, a file, a
// decompressor. Not thread-safe; several sources may be read by several
// threads. Destroying one that was not read to its end abandons it.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Reads at least one and at most buffer.size() bytes into `buffer`, blocking
  // for them. 0 at the end. After an error the source cannot be used further.
  virtual absl::StatusOr<size_t> Read(absl::Span<char> buffer) = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_BYTE_SOURCE_H_
