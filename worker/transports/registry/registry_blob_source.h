#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_SOURCE_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_SOURCE_H_

#include <memory>
#include <string>

#include "worker/blob/byte_source.h"
#include "worker/http/http_exchange.h"
#include "worker/http/retry.h"
#include "worker/image/manifest.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {

// How often a registry that ignores ranges may send a blob from its beginning again.
inline constexpr int kMaxRestarts = 2;

// A blob of a registry while it is being downloaded. When the connection breaks or stalls,
// continues with a range request on a new one, as often as ResumeBudget allows; where the registry
// sends the blob from its beginning instead, passes over what was read before. Does not verify.
class RegistryBlobSource : public ByteSource {
 public:
  // Errors: NOT_FOUND (BLOB_UNKNOWN); DATA_LOSS (CONTENT_MISMATCH) where the registry announces
  // another size than the descriptor; RegistryAnswerError's.
  static absl::StatusOr<std::unique_ptr<ByteSource>> Open(RegistryClient& client,
                                                          const Descriptor& blob);

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;
  absl::StatusOr<absl::string_view> ReadPiece(absl::Span<char> buffer) override;

 private:
  RegistryBlobSource(RegistryClient& client, const Descriptor& blob)
      : client_(client), blob_(blob) {}

  absl::Status Begin();
  // Whether what failure() says is followed by another answer; false where it is given up.
  absl::StatusOr<bool> Resume(HttpFailure failure);
  absl::Status TakeAnswer();
  absl::Status CheckLength(const HttpResponse& head) const;
  absl::Status CheckRange(const HttpResponse& head) const;
  absl::Status CannotContinue(absl::string_view why) const;
  // What failed, if the answer broke off before the blob's end; kNone otherwise.
  HttpFailure Break(const absl::StatusOr<absl::string_view>& piece) const;
  // Without `may_lend` what is read is in `buffer`.
  absl::StatusOr<absl::string_view> ReadOn(absl::Span<char> buffer, bool may_lend);
  absl::StatusOr<absl::string_view> ReadOnce(absl::Span<char> buffer, bool may_lend);
  std::string Context() const;

  RegistryClient& client_;
  const Descriptor blob_;
  std::unique_ptr<RegistryAnswer> answer_;
  int64_t read_bytes_ = 0;
  // Of this answer: what is still to be passed over, since it was read before.
  int64_t skip_bytes_ = 0;
  int restarts_ = 0;
  ResumeBudget budget_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_SOURCE_H_
