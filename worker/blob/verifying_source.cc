#include "worker/blob/verifying_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {

VerifyingSource::VerifyingSource(std::unique_ptr<ByteSource> source, const Digest& digest,
                                 int64_t size_bytes, Sha256Pairing* pairing)
    : source_(std::move(source), digest, size_bytes),
      digest_(digest),
      digester_(digest_.algorithm(), pairing) {}

absl::StatusOr<size_t> VerifyingSource::Read(absl::Span<char> buffer) {
  digester_.Await();
  ASSIGN_OR_RETURN(const size_t count, source_.Read(buffer));
  RETURN_IF_ERROR(Hash(absl::string_view(buffer.data(), count)));
  return count;
}

absl::StatusOr<absl::string_view> VerifyingSource::ReadPiece(absl::Span<char> buffer) {
  digester_.Await();
  ASSIGN_OR_RETURN(const absl::string_view piece, source_.ReadPiece(buffer));
  RETURN_IF_ERROR(Hash(piece));
  return piece;
}

absl::Status VerifyingSource::Hash(absl::string_view piece) {
  digester_.Begin(piece);
  return source_.at_end() && !checked_ ? CheckDigest() : absl::OkStatus();
}

absl::Status VerifyingSource::CheckDigest() {
  checked_ = true;
  const Digest actual = digester_.Finish();
  if (actual != digest_) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("read blob ", digest_.ToString(), ": got content with digest ",
                                  actual.ToString()));
  }
  return absl::OkStatus();
}

}  // namespace holkas
