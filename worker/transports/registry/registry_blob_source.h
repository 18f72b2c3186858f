#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_SOURCE_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_SOURCE_H_

#include <memory>
#include <string>

#include "worker/blob/byte_source.h"
#include "worker/image/manifest.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {

// How often a blob is taken up again after its connection broke.
inline constexpr int kMaxResumes = 10;
// As many bytes as this win back all of them.
inline constexpr int64_t kResumeCreditBytes = 8 << 20;

// A blob of a registry while it is being downloaded. When the connection breaks, continues with a
// range request on a new one. Does not verify.
class RegistryBlobSource : public ByteSource {
 public:
  // Errors: NOT_FOUND (BLOB_UNKNOWN); DATA_LOSS (CONTENT_MISMATCH) where the registry announces
  // another size than the descriptor; RegistryAnswerError's.
  static absl::StatusOr<std::unique_ptr<ByteSource>> Open(RegistryClient& client,
                                                          const Descriptor& blob);

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;

 private:
  RegistryBlobSource(RegistryClient& client, const Descriptor& blob)
      : client_(client), blob_(blob) {}

  absl::Status Begin();
  absl::Status Resume();
  absl::Status CheckLength(const HttpResponse& head) const;
  std::string Context() const;

  RegistryClient& client_;
  const Descriptor blob_;
  std::unique_ptr<RegistryAnswer> answer_;
  int64_t read_bytes_ = 0;
  int64_t resumed_at_bytes_ = 0;
  int resumes_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_SOURCE_H_
