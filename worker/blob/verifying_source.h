#ifndef HOLKAS_WORKER_BLOB_VERIFYING_SOURCE_H_
#define HOLKAS_WORKER_BLOB_VERIFYING_SOURCE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/digest.h"
#include "proto/wire/digester.h"
#include "proto/wire/sha256_pairing.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/size_checked_source.h"

namespace holkas {

// The bytes of a blob, checked against what the manifest says of it. Every blob
// is read through one of these, or through a SizeCheckedSource where the sink
// verifies. There is no way around the check: the last bytes are handed out
// only after the end was seen and the digest found right, so that whoever has
// all bytes of a blob has the right ones.
class VerifyingSource : public ByteSource {
 public:
  // Takes over `source`, the bytes of the blob that a manifest gives the digest
  // and the size of. With a `pairing` what was read is hashed while its reader
  // uses it: a buffer stays as it is until the next call or the destruction.
  VerifyingSource(std::unique_ptr<ByteSource> source, const Digest& digest, int64_t size_bytes,
                  Sha256Pairing* pairing = nullptr);

  // Errors, beside those of the source: DATA_LOSS (CONTENT_MISMATCH) where the
  // size or the digest differs. Bytes beyond the size are never handed out.
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;
  absl::StatusOr<absl::string_view> ReadPiece(absl::Span<char> buffer) override;

 private:
  absl::Status Hash(absl::string_view piece);
  absl::Status CheckDigest();

  SizeCheckedSource source_;
  const Digest digest_;
  Digester digester_;
  bool checked_ = false;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_VERIFYING_SOURCE_H_
