#include "worker/crypt/encrypting_source.h"

#include <algorithm>

#include "proto/wire/status_macros.h"
#include "worker/blob/copy_bytes.h"

namespace holkas {

absl::StatusOr<std::unique_ptr<EncryptingSource>> EncryptingSource::New(
    std::unique_ptr<ByteSource> plain, const LayerKey& key) {
  ASSIGN_OR_RETURN(LayerCipher cipher, LayerCipher::New(key));
  return std::unique_ptr<EncryptingSource>(
      new EncryptingSource(std::move(plain), std::move(cipher)));
}

EncryptingSource::EncryptingSource(std::unique_ptr<ByteSource> plain, LayerCipher cipher)
    : buffer_(std::make_unique_for_overwrite<char[]>(kCopyBufferBytes)),
      plain_(std::move(plain)),
      cipher_(std::move(cipher)) {}

absl::StatusOr<size_t> EncryptingSource::Read(absl::Span<char> buffer) {
  if (!hmac_.empty()) {
    return 0;
  }
  if (rest_.empty()) {
    ASSIGN_OR_RETURN(rest_, plain_->ReadPiece({buffer_.get(), kCopyBufferBytes}));
  }
  if (rest_.empty()) {
    ASSIGN_OR_RETURN(hmac_, cipher_.FinishHmac());
    return 0;
  }
  const size_t count = std::min(rest_.size(), buffer.size());
  RETURN_IF_ERROR(cipher_.Encrypt(rest_.substr(0, count), buffer.data()));
  rest_.remove_prefix(count);
  return count;
}

}  // namespace holkas
