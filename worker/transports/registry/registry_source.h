#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_SOURCE_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_SOURCE_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/transports/image_source.h"
#include "worker/transports/registry/registry_client.h"
#include "worker/transports/registry/registry_mirrors.h"
#include "worker/transports/transport.h"

namespace holkas {

// Opens an image of a registry (OCI distribution-spec) for reading: a row of transports.cc. The
// first reading of the manifest finds out which of the registry's mirrors has it; all else is read
// there. Sends nothing yet.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenRegistrySource(
    const TransportContext& context, const broker::ImageLocation& location);

// The same with clients of one's own.
class RegistrySource : public ImageSource {
 public:
  explicit RegistrySource(std::unique_ptr<RegistryClient> client) {
    clients_.push_back(std::move(client));
  }
  // `clients`: in the order in which they are tried, the registry itself last.
  explicit RegistrySource(RegistryClients clients) : clients_(std::move(clients)) {}

  // For a name, compares Docker-Content-Digest too, where the registry sends one.
  // Errors, beside the interface's: RegistryAnswerError's; where no mirror has the manifest either,
  // those of the registry itself, with the mirrors' in the message.
  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override;
  // A connection that breaks is made again and the blob continued from where it was.
  // Errors, beside the interface's: DATA_LOSS (CONTENT_MISMATCH) where the registry announces
  // another size.
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override;
  std::string ReadBlobEnd(const Descriptor& blob, size_t count) override;
  absl::StatusOr<std::vector<std::string>> ListTags(std::vector<std::string>& warnings) override;

 private:
  RegistryClient& client() const { return *clients_[chosen_]; }
  absl::StatusOr<RawManifest> ReadManifestFrom(RegistryClient& client,
                                               const std::optional<Digest>& instance);
  absl::StatusOr<RawManifest> ReadFirst();

  RegistryClients clients_;
  size_t chosen_ = 0;
  bool settled_ = false;
  // Whether the registry did not give a blob's end.
  std::atomic<bool> lacks_ends_ = false;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_SOURCE_H_
