#include "worker/transports/registry/registry_source.h"

#include <utility>

#include "proto/wire/status_macros.h"
#include "worker/transports/registry/registry_blob_source.h"
#include "worker/transports/registry/registry_manifest.h"
#include "worker/transports/registry/tag_list.h"

namespace holkas {

absl::StatusOr<RawManifest> RegistrySource::ReadManifest(const std::optional<Digest>& instance) {
  const broker::RegistryImage& image = client_->image();
  std::optional<Digest> wanted = instance;
  if (!wanted.has_value() && !image.digest().empty()) {
    ASSIGN_OR_RETURN(wanted, Digest::Parse(image.digest()));
  }
  const std::string reference = wanted.has_value() ? wanted->ToString() : image.tag();
  return GetRegistryManifest(*client_, reference, wanted);
}

absl::StatusOr<std::unique_ptr<ByteSource>> RegistrySource::OpenBlob(const Descriptor& blob) {
  return RegistryBlobSource::Open(*client_, blob);
}

absl::StatusOr<std::vector<std::string>> RegistrySource::ListTags(
    std::vector<std::string>& warnings) {
  absl::StatusOr<std::vector<std::string>> tags = ReadTagList(*client_);
  if (!tags.ok() && IsTagListRefusal(tags.status())) {
    warnings.push_back("Registry disallows tag list retrieval; skipping");
    return std::vector<std::string>();
  }
  return tags;
}

absl::StatusOr<std::unique_ptr<ImageSource>> OpenRegistrySource(
    const TransportContext& context, const broker::ImageLocation& location) {
  ASSIGN_OR_RETURN(std::unique_ptr<RegistryClient> client,
                   RegistryClient::New({.broker = context.broker,
                                        .place = broker::PLACE_SOURCE,
                                        .image = location.registry(),
                                        .user_agent = context.job.user_agent()}));
  return std::make_unique<RegistrySource>(std::move(client));
}

}  // namespace holkas
