#include "worker/transports/registry/registry_source.h"

#include <utility>

#include "proto/wire/status_macros.h"
#include "worker/transports/registry/registry_blob_end.h"
#include "worker/transports/registry/registry_blob_source.h"
#include "worker/transports/registry/registry_manifest.h"
#include "worker/transports/registry/tag_list.h"

namespace holkas {

absl::StatusOr<RawManifest> RegistrySource::ReadManifest(const std::optional<Digest>& instance) {
  return settled_ || instance.has_value() ? ReadManifestFrom(client(), instance) : ReadFirst();
}

absl::StatusOr<RawManifest> RegistrySource::ReadFirst() {
  absl::StatusOr<RawManifest> manifest = absl::UnknownError("not read yet");
  ASSIGN_OR_RETURN(chosen_, FirstThatWorks(clients_, [&](RegistryClient& client) {
                     manifest = ReadManifestFrom(client, std::nullopt);
                     return manifest.status();
                   }));
  settled_ = true;
  return manifest;
}

absl::StatusOr<RawManifest> RegistrySource::ReadManifestFrom(
    RegistryClient& client, const std::optional<Digest>& instance) {
  const broker::RegistryImage& image = client.image();
  std::optional<Digest> wanted = instance;
  if (!wanted.has_value() && !image.digest().empty()) {
    ASSIGN_OR_RETURN(wanted, Digest::Parse(image.digest()));
  }
  const std::string reference = wanted.has_value() ? wanted->ToString() : image.tag();
  return GetRegistryManifest(client, reference, wanted);
}

absl::StatusOr<std::unique_ptr<ByteSource>> RegistrySource::OpenBlob(const Descriptor& blob) {
  return RegistryBlobSource::Open(client(), blob);
}

std::string RegistrySource::ReadBlobEnd(const Descriptor& blob, size_t count) {
  if (lacks_ends_) {
    return "";
  }
  std::string end = ReadRegistryBlobEnd(client(), blob, count);
  if (end.empty()) {
    lacks_ends_ = true;
  }
  return end;
}

absl::StatusOr<std::vector<std::string>> RegistrySource::ListTags(
    std::vector<std::string>& warnings) {
  absl::StatusOr<std::vector<std::string>> tags = ReadTagList(client());
  if (!tags.ok() && IsTagListRefusal(tags.status())) {
    warnings.push_back("Registry disallows tag list retrieval; skipping");
    return std::vector<std::string>();
  }
  return tags;
}

absl::StatusOr<std::unique_ptr<ImageSource>> OpenRegistrySource(
    const TransportContext& context, const broker::ImageLocation& location) {
  ASSIGN_OR_RETURN(RegistryClients clients, NewRegistryClients(context, location.registry()));
  return std::make_unique<RegistrySource>(std::move(clients));
}

}  // namespace holkas
