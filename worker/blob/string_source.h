#ifndef HOLKAS_WORKER_BLOB_STRING_SOURCE_H_
#define HOLKAS_WORKER_BLOB_STRING_SOURCE_H_

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// Bytes that are in memory already: a configuration that was rewritten. At most
// `max_chunk` of them at a time, so that tests can have short reads.
class StringSource : public ByteSource {
 public:
  explicit StringSource(std::string bytes, size_t max_chunk = std::string::npos)
      : bytes_(std::move(bytes)), max_chunk_(max_chunk) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    const size_t count = std::min({buffer.size(), bytes_.size() - position_, max_chunk_});
    std::memcpy(buffer.data(), bytes_.data() + position_, count);
    position_ += count;
    return count;
  }

 private:
  const std::string bytes_;
  const size_t max_chunk_;
  size_t position_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_STRING_SOURCE_H_
