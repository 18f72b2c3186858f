#ifndef HOLKAS_WORKER_BLOB_BYTE_SOURCE_H_
#define HOLKAS_WORKER_BLOB_BYTE_SOURCE_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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

  // The same for who only passes the bytes on: they are in `buffer`, or in memory of the source's
  // own. Both stay as they are until the next call or the source's destruction. Empty at the end.
  virtual absl::StatusOr<absl::string_view> ReadPiece(absl::Span<char> buffer) {
    const absl::StatusOr<size_t> count = Read(buffer);
    if (!count.ok()) {
      return count.status();
    }
    return absl::string_view(buffer.data(), *count);
  }
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_BYTE_SOURCE_H_
