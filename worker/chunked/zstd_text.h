#ifndef HOLKAS_WORKER_CHUNKED_ZSTD_TEXT_H_
#define HOLKAS_WORKER_CHUNKED_ZSTD_TEXT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct ZSTD_CCtx_s;

namespace holkas {

// Text that is compressed by zstd while it is written, and held in memory only so. Not thread-safe.
class ZstdText {
 public:
  // Errors: RESOURCE_EXHAUSTED where there is no memory.
  static absl::StatusOr<std::unique_ptr<ZstdText>> New();
  ZstdText(const ZstdText&) = delete;
  ~ZstdText();

  // Errors: INTERNAL.
  absl::Status Append(absl::string_view text);
  // The text as one frame. Once, last.
  absl::StatusOr<std::string> Finish();

  // Of all that was written.
  int64_t size_bytes() const { return size_bytes_; }
  // Of what it is held in.
  int64_t held_bytes() const { return static_cast<int64_t>(frame_.size()); }

 private:
  explicit ZstdText(ZSTD_CCtx_s* context) : context_(context) {}

  absl::Status Compress(absl::string_view text, bool at_end);

  ZSTD_CCtx_s* const context_;
  std::string frame_;
  int64_t size_bytes_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_CHUNKED_ZSTD_TEXT_H_
