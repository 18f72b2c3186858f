#ifndef HOLKAS_WORKER_BLOB_DIGESTING_SOURCE_H_
#define HOLKAS_WORKER_BLOB_DIGESTING_SOURCE_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/wire/digest.h"
#include "proto/wire/digester.h"
#include "proto/wire/sha256_pairing.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// The bytes of another source, whose SHA-256 and number are found out on the way: of blobs that are
// made while they are moved.
class DigestingSource : public ByteSource {
 public:
  // With a `pairing` what was read is hashed while its reader uses it: a buffer stays as it is
  // until the next Read, Finish, or the destruction.
  DigestingSource(std::unique_ptr<ByteSource> source, Sha256Pairing* pairing)
      : source_(std::move(source)), digester_("sha256", pairing) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;

  // The digest of all bytes. Once, after the end.
  Digest Finish() { return digester_.Finish(); }
  int64_t size_bytes() const { return size_bytes_; }

 private:
  const std::unique_ptr<ByteSource> source_;
  Digester digester_;
  int64_t size_bytes_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_DIGESTING_SOURCE_H_
