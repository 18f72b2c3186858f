#include "worker/crypt/decrypting_source.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/copy_bytes.h"

namespace holkas {
namespace {

absl::Status Mismatch(absl::string_view why) {
  return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH", why);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DecryptingSource>> DecryptingSource::New(
    std::unique_ptr<ByteSource> encrypted, const LayerKey& key, std::string hmac,
    int64_t size_bytes) {
  if (hmac.size() != LayerCipher::kHmacBytes) {
    return absl::InvalidArgumentError("a layer's HMAC has a wrong size");
  }
  ASSIGN_OR_RETURN(LayerCipher cipher, LayerCipher::New(key));
  return std::unique_ptr<DecryptingSource>(
      new DecryptingSource(std::move(encrypted), std::move(cipher), std::move(hmac), size_bytes));
}

DecryptingSource::DecryptingSource(std::unique_ptr<ByteSource> encrypted, LayerCipher cipher,
                                   std::string hmac, int64_t size_bytes)
    : buffer_(std::make_unique_for_overwrite<char[]>(kCopyBufferBytes)),
      encrypted_(std::move(encrypted)),
      cipher_(std::move(cipher)),
      hmac_(std::move(hmac)),
      left_bytes_(size_bytes) {}

absl::StatusOr<size_t> DecryptingSource::Read(absl::Span<char> buffer) {
  if (rest_.empty()) {
    ASSIGN_OR_RETURN(rest_, encrypted_->ReadPiece({buffer_.get(), kCopyBufferBytes}));
    if (static_cast<int64_t>(rest_.size()) > left_bytes_) {
      return Mismatch("the encrypted layer is longer than its manifest says");
    }
  }
  if (rest_.empty()) {
    if (left_bytes_ > 0) {
      return Mismatch("the encrypted layer is shorter than its manifest says");
    }
    RETURN_IF_ERROR(CheckHmac());
    return 0;
  }
  const size_t count = std::min(rest_.size(), buffer.size());
  RETURN_IF_ERROR(cipher_.Decrypt(rest_.substr(0, count), buffer.data()));
  rest_.remove_prefix(count);
  left_bytes_ -= static_cast<int64_t>(count);
  if (left_bytes_ == 0) {
    RETURN_IF_ERROR(CheckHmac());
  }
  return count;
}

absl::Status DecryptingSource::CheckHmac() {
  if (checked_) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string actual, cipher_.FinishHmac());
  if (CRYPTO_memcmp(actual.data(), hmac_.data(), hmac_.size()) != 0) {
    return Mismatch("the HMAC of the encrypted layer is another than its manifest says");
  }
  checked_ = true;
  return absl::OkStatus();
}

}  // namespace holkas
