#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_UPLOAD_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_UPLOAD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "worker/blob/byte_sink.h"
#include "worker/image/manifest.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {

// How much an upload sends at once that began again, unless the registry wants more
// (OCI-Chunk-Min-Length); one that wants more than the second gets one stream again.
inline constexpr int64_t kChunkBytes = 4 << 20;
inline constexpr int64_t kMaxChunkBytes = 8 << 20;

// A blob while it is being uploaded: a session (POST), the bytes (one PATCH), the digest (PUT).
// Where that PATCH breaks off, Rewind asks the registry what it kept, and the rest goes in chunks,
// each of which is held until the registry has it and sent again where it got lost. Keeping what
// is streamed would cost every copy for the sake of the few that fail: those read the blob again.
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
  absl::Status Rewind() override;

 private:
  RegistryUpload(RegistryClient& client, const Descriptor& blob) : client_(client), blob_(blob) {}

  absl::Status OpenSession();
  // What the registry has of the blob; nothing where it does not know the session any more.
  std::optional<int64_t> AskKeptBytes();
  // Keeps where the session continues.
  absl::Status TakeLocation(const RegistryAnswer& answer);

  absl::Status Take(absl::string_view data);
  absl::Status Stream(absl::string_view data);
  absl::Status EndStream();
  // The error of a stream, and whether Rewind may help.
  absl::Status StreamError(const absl::Status& status);
  absl::Status StreamRefusal();
  // Ends a body that is not complete; whether the session may be deleted now.
  bool EndEarly();

  absl::Status Collect(absl::string_view data);
  absl::Status SendChunk();
  // Sends what is left of the chunk, once. Whether the registry may have taken a part of it; an
  // error where it will not take it.
  absl::StatusOr<bool> SendChunkOnce();

  absl::Status EndBody(int64_t size_bytes);
  absl::Status Close(const Digest& digest);
  absl::Status CloseRefusal(RegistryAnswer& answer);
  bool IsStored(const Digest& digest);
  std::string Context() const;

  RegistryClient& client_;
  const Descriptor blob_;
  std::optional<Url> session_;  // none before it is open and after it is closed
  std::unique_ptr<RegistryAnswer> patch_;
  // What was given to Append, since the last Rewind.
  int64_t given_bytes_ = 0;

  // The error may be the moment's: Rewind helps.
  bool may_rewind_ = false;
  int rewinds_ = 0;
  // The registry said that it has less than it was sent.
  bool kept_less_ = false;

  int64_t chunk_bytes_ = kChunkBytes;
  bool in_chunks_ = false;
  int64_t kept_bytes_ = 0;  // what the registry has, where in chunks
  std::string chunk_;       // what follows
};

// Deletes a session that is of no use, as well as that can be done.
void DeleteUploadSession(RegistryClient& client, const Url& session);

// What a registry has of an upload, as its Range header says: `0-1023`, some write `bytes=0-1023`.
// Nothing for every other form. For `0-0` it is 1, which may also mean that it has nothing.
std::optional<int64_t> KeptBytes(const HttpResponse& head);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_UPLOAD_H_
