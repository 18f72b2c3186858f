#include "service/rpc/job_spec.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/version.h"
#include "service/rpc/prepare_registry.h"

namespace holkas {
namespace {

constexpr uint32_t kDefaultThreads = 6;

// The server's own platform, in Go's spelling.
constexpr absl::string_view kOs = "linux";
#if defined(__x86_64__)
constexpr absl::string_view kArchitecture = "amd64";
#elif defined(__aarch64__)
constexpr absl::string_view kArchitecture = "arm64";
#else
#error "unknown architecture"
#endif

v1::Platform Complete(v1::Platform platform) {
  if (platform.os().empty()) {
    platform.set_os(std::string(kOs));
  }
  if (platform.architecture().empty()) {
    platform.set_architecture(std::string(kArchitecture));
  }
  return platform;
}

absl::StatusOr<ImageReference> ParseReference(const std::string& field, const std::string& text) {
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(text);
  if (reference.ok()) {
    return reference;
  }
  std::map<std::string, std::string> metadata = ErrorMetadata(reference.status());
  metadata["field"] = field;
  return MakeError(reference.status().code(), ErrorReason(reference.status()),
                   reference.status().message(), metadata);
}

absl::StatusOr<PreparedPlace> PreparePlace(const ImageReference& reference,
                                           const v1::RegistryAccess& access,
                                           const RegistrySettings& settings, RegistryUse use) {
  if (const RegistryReference* registry = reference.registry()) {
    const std::string name = reference.ToString();
    return PrepareRegistry(*registry, std::string(absl::StripPrefix(name, "docker://")), access,
                           settings, use);
  }
  PreparedPlace place;
  if (const OciReference* oci = reference.oci()) {
    broker::OciImage& image = *place.location.mutable_oci();
    image.set_reference(oci->reference);
    image.set_has_index(oci->index.has_value());
    image.set_index(oci->index.value_or(0));
  } else {
    place.location.mutable_dir();
  }
  return place;
}

// The worker may take over blobs from the source's repository where both are in one registry.
void AllowMount(const ImageReference& source, const ImageReference& destination,
                std::vector<RegistryIdentity>& identity) {
  if (source.registry() != nullptr && destination.registry() != nullptr &&
      source.registry()->HostPort() == destination.registry()->HostPort() &&
      source.registry()->path != destination.registry()->path) {
    identity[0].scopes.push_back(ScopeOf(*source.registry(), RegistryUse::kPull));
  }
}

// The registry of a CheckCredentialsRequest, as a reference to some repository in it.
absl::StatusOr<ImageReference> ParseRegistry(const std::string& text) {
  const bool is_repository = absl::StrContains(text, '/');
  ASSIGN_OR_RETURN(ImageReference reference,
                   ParseReference("registry", absl::StrCat("docker://", text,
                                                           is_repository ? "" : "/repository")));
  if (!absl::StartsWith(text, reference.registry()->HostPort())) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
        absl::StrCat("registry \"", text,
                     "\" is taken for a repository of docker.io: a registry's name has a "
                     "dot or a port, or is localhost"),
        {{"field", "registry"}});
  }
  return reference;
}

// A job with one image, without what is to be done with it.
absl::StatusOr<PreparedJob> PrepareOneImage(ImageReference image, const v1::RegistryAccess& access,
                                            const RegistrySettings& settings, RegistryUse use) {
  ASSIGN_OR_RETURN(PreparedPlace place, PreparePlace(image, access, settings, use));
  broker::JobSpec spec;
  *spec.mutable_source() = std::move(place.location);
  *spec.mutable_platform() = Complete({});
  spec.set_threads(1);
  spec.set_user_agent(absl::StrCat("holkas/", kVersion));
  return PreparedJob{
      std::move(spec), {std::move(place.identity), {}}, std::move(image), std::nullopt};
}

absl::Status NotOfThisTransport(const std::string& field, absl::string_view message) {
  return MakeError(absl::StatusCode::kUnimplemented, "TRANSPORT_UNIMPLEMENTED", message,
                   {{"field", field}});
}

absl::Status CheckDeletion(const ImageReference& image, bool only_tag) {
  const RegistryReference* registry = image.registry();
  if (registry == nullptr) {
    return NotOfThisTransport("image", absl::StrCat("Deleting images not implemented for ",
                                                    image.transport(), ": images"));
  }
  if (registry->unknown_digest) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                     absl::StrCat(image.ToString(), " names no image that could be deleted"),
                     {{"field", "image"}});
  }
  if (only_tag && registry->digest.has_value()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                     "field only_tag needs an image that is named by a tag",
                     {{"field", "only_tag"}});
  }
  return absl::OkStatus();
}

absl::Status CheckRepository(const ImageReference& repository) {
  const RegistryReference* registry = repository.registry();
  if (registry == nullptr) {
    return NotOfThisTransport("repository",
                              absl::StrCat("Unsupported transport '", repository.transport(),
                                           "' for tag listing. Only supported: docker"));
  }
  if (registry->tag_given || registry->digest.has_value() || registry->unknown_digest) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                     "No tag or digest allowed in reference", {{"field", "repository"}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PreparedJob> PrepareJob(const v1::InspectRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference image, ParseReference("image", request.image()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareOneImage(std::move(image), request.registry(), settings,
                                                    RegistryUse::kPull));
  *job.spec.mutable_platform() = Complete(request.platform());
  v1::InspectRequest& inspect = *job.spec.mutable_inspect();
  inspect = request;
  inspect.clear_image();
  inspect.clear_registry();
  return job;
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::CheckCredentialsRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference registry, ParseRegistry(request.registry()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareOneImage(std::move(registry), request.access(), settings,
                                                    RegistryUse::kLogin));
  job.spec.mutable_source()->mutable_registry()->set_display_name(request.registry());
  job.spec.mutable_check_credentials();
  return job;
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::CopyRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference source, ParseReference("source", request.source()));
  ASSIGN_OR_RETURN(ImageReference destination,
                   ParseReference("destination", request.destination()));
  ASSIGN_OR_RETURN(PreparedPlace from,
                   PreparePlace(source, request.source_registry(), settings, RegistryUse::kPull));
  ASSIGN_OR_RETURN(PreparedPlace to, PreparePlace(destination, request.destination_registry(),
                                                  settings, RegistryUse::kPush));
  AllowMount(source, destination, to.identity);
  broker::JobSpec spec;
  *spec.mutable_source() = std::move(from.location);
  *spec.mutable_destination() = std::move(to.location);
  *spec.mutable_platform() = Complete(request.platform());
  spec.set_threads(request.max_parallel_blobs() > 0
                       ? static_cast<uint32_t>(request.max_parallel_blobs())
                       : kDefaultThreads);
  spec.set_user_agent(absl::StrCat("holkas/", kVersion));
  v1::CopyRequest& copy = *spec.mutable_copy();
  copy = request;
  copy.clear_source();
  copy.clear_destination();
  copy.clear_source_registry();
  copy.clear_destination_registry();
  return PreparedJob{std::move(spec),
                     {std::move(from.identity), std::move(to.identity)},
                     std::move(source),
                     std::move(destination)};
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::DeleteRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference image, ParseReference("image", request.image()));
  RETURN_IF_ERROR(CheckDeletion(image, request.only_tag()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareOneImage(std::move(image), request.registry(), settings,
                                                    request.only_tag() ? RegistryUse::kUntag
                                                                       : RegistryUse::kDelete));
  v1::DeleteRequest& deletion = *job.spec.mutable_delete_();
  deletion = request;
  deletion.clear_image();
  deletion.clear_registry();
  return job;
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::ListTagsRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference repository, ParseReference("repository", request.repository()));
  RETURN_IF_ERROR(CheckRepository(repository));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareOneImage(std::move(repository), request.registry(),
                                                    settings, RegistryUse::kPull));
  broker::RegistryImage& registry = *job.spec.mutable_source()->mutable_registry();
  registry.clear_tag();
  registry.set_display_name(job.source.registry()->Repository());
  for (broker::RegistryImage& mirror : *registry.mutable_mirrors()) {
    mirror.clear_tag();
  }
  v1::ListTagsRequest& list = *job.spec.mutable_list_tags();
  list = request;
  list.clear_repository();
  list.clear_registry();
  return job;
}

bool VerifiesCertificates(const broker::JobSpec& spec) {
  const auto verifies = [](const broker::ImageLocation& location) {
    const auto& mirrors = location.registry().mirrors();
    return location.registry().verify_certificate() ||
           std::any_of(mirrors.begin(), mirrors.end(),
                       [](const auto& mirror) { return mirror.verify_certificate(); });
  };
  return verifies(spec.source()) || verifies(spec.destination());
}

}  // namespace holkas
