#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_UPLOAD_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_UPLOAD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "worker/blob/byte_sink.h"
#include "worker/image/manifest.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {

// A blob while it is being uploaded: a session (POST), the bytes (one PATCH), the digest (PUT).
// Destroying it before Finish deletes the session, as well as that can be done.
class RegistryUpload : public ByteSink {
 public:
  // Opens a session.
  // Errors: RegistryAnswerError's.
  static absl::StatusOr<std::unique_ptr<ByteSink>> Open(RegistryClient& client,
                                                        const Descriptor& blob);
  ~RegistryUpload() override;

  absl::Status Append(absl::string_view data) override;
  absl::Status Finish(const Digest& digest, int64_t size_bytes) override;

 private:
  RegistryUpload(RegistryClient& client, const Descriptor& blob) : client_(client), blob_(blob) {}

  absl::Status OpenSession();
  absl::Status Send(absl::string_view data);
  // Ends a body that is not complete; whether the session may be deleted now.
  bool EndEarly();
  absl::Status EndBody(int64_t size_bytes);
  absl::Status Close(const Digest& digest);
  bool IsStored(const Digest& digest);
  // Keeps where the session continues.
  absl::Status TakeLocation(const RegistryAnswer& answer);
  std::string Context() const;

  RegistryClient& client_;
  const Descriptor blob_;
  std::optional<Url> session_;  // none before it is open and after it is closed
  std::unique_ptr<RegistryAnswer> patch_;
  int64_t sent_bytes_ = 0;
};

// Deletes a session that is of no use, as well as that can be done.
void DeleteUploadSession(RegistryClient& client, const Url& session);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_UPLOAD_H_
