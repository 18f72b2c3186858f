#ifndef HOLKAS_WORKER_BLOB_SIZE_CHECKED_SOURCE_H_
#define HOLKAS_WORKER_BLOB_SIZE_CHECKED_SOURCE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/digest.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// The bytes of a blob, bounded by the size that the manifest gives, without
// looking at their digest. Used alone only on the way to a sink with
// VerifiesContent(); otherwise a VerifyingSource is built on it. The last bytes
// are handed out only after the source's end was seen.
class SizeCheckedSource : public ByteSource {
 public:
  // Takes over `source`, the bytes of the blob with the digest (for messages)
  // and the size.
  SizeCheckedSource(std::unique_ptr<ByteSource> source, const Digest& digest, int64_t size_bytes);

  // Errors, beside those of the source: DATA_LOSS (CONTENT_MISMATCH) where the
  // source has fewer or more bytes. One byte beyond the size is read and never
  // handed out.
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;
  absl::StatusOr<absl::string_view> ReadPiece(absl::Span<char> buffer) override;

  // Whether the source's end was seen, at the right size.
  bool at_end() const { return at_end_; }

 private:
  absl::Status CheckEnd();

  const std::unique_ptr<ByteSource> source_;
  const Digest digest_;
  const int64_t size_bytes_;
  int64_t read_bytes_ = 0;
  bool at_end_ = false;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_SIZE_CHECKED_SOURCE_H_
