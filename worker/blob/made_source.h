#ifndef HOLKAS_WORKER_BLOB_MADE_SOURCE_H_
#define HOLKAS_WORKER_BLOB_MADE_SOURCE_H_

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// A source that makes its bytes, a piece at a time, and hands them out as they are wanted.
class MadeSource : public ByteSource {
 public:
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) final {
    while (position_ == ready_.size()) {
      if (ended_) {
        return 0;
      }
      ready_.clear();
      position_ = 0;
      RETURN_IF_ERROR(Advance());
    }
    const size_t count = std::min(buffer.size(), ready_.size() - position_);
    std::memcpy(buffer.data(), ready_.data() + position_, count);
    position_ += count;
    return count;
  }

 protected:
  explicit MadeSource(std::string first = "") : ready_(std::move(first)) {}

  // Puts what follows, or nothing yet, into `ready`, which is empty; calls End where it is the
  // last.
  virtual absl::Status Advance() = 0;

  std::string& ready() { return ready_; }
  void End() { ended_ = true; }

 private:
  // To hand out, from `position_` on.
  std::string ready_;
  size_t position_ = 0;
  bool ended_ = false;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_MADE_SOURCE_H_
