#include "worker/transports/registry/registry_destination.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/media_types.h"
#include "worker/transports/registry/registry_blob.h"
#include "worker/transports/registry/registry_manifest.h"
#include "worker/transports/registry/registry_upload.h"

namespace holkas {
namespace {

constexpr absl::string_view kAcceptedTypes[] = {
    kOciManifestType, kOciIndexType,      kDockerManifestType,
    kDockerListType,  kDockerSchema1Type, kDockerSchema1SignedType,
};

// The repository of `source` where the registry is that of `destination`; empty otherwise.
std::string MountSource(const broker::ImageLocation& source,
                        const broker::RegistryImage& destination) {
  const broker::RegistryImage& image = source.registry();
  if (!source.has_registry() || image.api_host() != destination.api_host() ||
      image.host() != destination.host() || image.port() != destination.port() ||
      image.repository() == destination.repository()) {
    return "";
  }
  return image.repository();
}

}  // namespace

std::optional<ImageDestination::EmbeddedName> RegistryDestination::embedded_name() const {
  return EmbeddedName{client_->image().repository(), client_->image().tag()};
}

bool RegistryDestination::AcceptsManifestType(absl::string_view media_type) const {
  return std::find(std::begin(kAcceptedTypes), std::end(kAcceptedTypes), media_type) !=
         std::end(kAcceptedTypes);
}

absl::StatusOr<ImageDestination::Reuse> RegistryDestination::ReuseBlob(const Descriptor& blob) {
  const std::string context =
      absl::StrCat("checking blob ", blob.digest.ToString(), " in ", client_->repository_name());
  absl::StatusOr<bool> present = HasRegistryBlob(*client_, blob);
  if (!present.ok()) {
    return WithContext(present.status(), context);
  }
  if (*present) {
    return Reuse::kPresent;
  }
  if (mount_from_.empty()) {
    return Reuse::kAbsent;
  }
  absl::StatusOr<bool> mounted = MountRegistryBlob(*client_, blob, mount_from_);
  if (!mounted.ok()) {
    return WithContext(mounted.status(), context);
  }
  return *mounted ? Reuse::kMounted : Reuse::kAbsent;
}

absl::StatusOr<std::unique_ptr<ByteSink>> RegistryDestination::CreateBlob(const Descriptor& blob) {
  return RegistryUpload::Open(*client_, blob);
}

absl::Status RegistryDestination::WriteManifest(const Manifest& manifest, bool is_top) {
  const broker::RegistryImage& image = client_->image();
  if (is_top && !image.tag().empty()) {
    return absl::OkStatus();
  }
  if (is_top && !image.digest().empty() && image.digest() != manifest.digest().ToString()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
                     absl::StrCat("writing manifest in ", client_->repository_name(),
                                  ": the manifest has digest ", manifest.digest().ToString(),
                                  ", but the destination is named ", image.digest()));
  }
  return PutManifest(manifest, manifest.digest().ToString());
}

absl::Status RegistryDestination::Publish(const Manifest& top) {
  // Without a tag the digest is the name, and WriteManifest gave it.
  const std::string& tag = client_->image().tag();
  return tag.empty() ? absl::OkStatus() : PutManifest(top, tag);
}

absl::Status RegistryDestination::PutManifest(const Manifest& manifest,
                                              const std::string& reference) {
  return PutRegistryManifest(*client_, reference, manifest.bytes(), manifest.media_type(),
                             manifest.digest());
}

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenRegistryDestination(
    const TransportContext& context, const broker::ImageLocation& location) {
  ASSIGN_OR_RETURN(std::unique_ptr<RegistryClient> client,
                   RegistryClient::New({.broker = context.broker,
                                        .place = broker::PLACE_DESTINATION,
                                        .image = location.registry(),
                                        .user_agent = context.job.user_agent()}));
  return std::make_unique<RegistryDestination>(
      std::move(client), MountSource(context.job.source(), location.registry()));
}

}  // namespace holkas
