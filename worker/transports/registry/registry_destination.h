#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_DESTINATION_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_DESTINATION_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/registry/registry_client.h"
#include "worker/transports/transport.h"

namespace holkas {

// Opens an image of a registry (OCI distribution-spec) for writing: a row of transports.cc. Sends
// nothing yet. Where the job's source is another repository of the same registry, blobs are mounted
// from there.
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenRegistryDestination(
    const TransportContext& context, const broker::ImageLocation& location);

// The same with a client of one's own.
class RegistryDestination : public ImageDestination {
 public:
  // `mount_from`: a repository of the same registry; empty for none.
  RegistryDestination(std::unique_ptr<RegistryClient> client, std::string mount_from)
      : client_(std::move(client)), mount_from_(std::move(mount_from)) {}

  LayerForm wanted_layer_form() const override { return LayerForm::kCompressed; }
  bool names_digest() const override { return !client_->image().digest().empty(); }
  std::optional<EmbeddedName> embedded_name() const override;
  bool AcceptsManifestType(absl::string_view media_type) const override;
  absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) override;
  absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) override;
  // The top manifest of a name with a tag is stored by Publish alone: naming it is storing it.
  // Errors: FAILED_PRECONDITION (DESTINATION_CONFLICT) where the name is another digest;
  // RegistryAnswerError's.
  absl::Status WriteManifest(const Manifest& manifest, bool is_top) override;
  absl::Status Publish(const Manifest& top) override;

 private:
  absl::Status PutManifest(const Manifest& manifest, const std::string& reference);

  std::unique_ptr<RegistryClient> client_;
  const std::string mount_from_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_DESTINATION_H_
