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
#include "service/rpc/prepare_daemon.h"
#include "service/rpc/prepare_registry.h"
#include "service/rpc/prepare_stream.h"
#include "service/storage/find_store.h"

namespace holkas {
namespace {

constexpr uint32_t kDefaultThreads = 6;
// A layer is compressed by more than the thread that moves it.
constexpr uint32_t kLeastThreads = 2;

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

// Names of the server's own open files.
bool IsStream(absl::string_view path) {
  return path == "/dev/stdin" || path == "/dev/stdout" || path == "/dev/stderr" ||
         absl::StartsWith(path, "/dev/fd/") || absl::StartsWith(path, "/proc/self/fd/");
}

absl::Status CheckIsNoStream(const std::string& field, const ImageReference& reference) {
  const std::string* path = reference.docker_archive() != nullptr
                                ? &reference.docker_archive()->path
                            : reference.oci_archive() != nullptr ? &reference.oci_archive()->path
                                                                 : nullptr;
  if (path == nullptr || !IsStream(*path)) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                   absl::StrCat(reference.transport(), ":", *path,
                                " is an open file of the server's; Import takes archives from "
                                "callers, Export gives them to callers"),
                   {{"field", field}});
}

absl::StatusOr<ImageReference> ParseReference(const std::string& field, const std::string& text) {
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(text);
  if (reference.ok()) {
    RETURN_IF_ERROR(CheckIsNoStream(field, *reference));
    return reference;
  }
  std::map<std::string, std::string> metadata = ErrorMetadata(reference.status());
  metadata["field"] = field;
  return MakeError(reference.status().code(), ErrorReason(reference.status()),
                   reference.status().message(), metadata);
}

// The image with what its name does not say: the store that it is in, the directory of its blobs.
absl::StatusOr<ImageReference> ParseComplete(const std::string& field, const std::string& text,
                                             const v1::RegistryAccess& access,
                                             const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference reference, ParseReference(field, text));
  if (reference.oci() != nullptr) {
    OciReference layout = *reference.oci();
    layout.blob_directory = access.shared_blob_directory();
    return ImageReference::Of(std::move(layout));
  }
  if (reference.storage() == nullptr) {
    return reference;
  }
  ASSIGN_OR_RETURN(StorageReference store, FindStore(*reference.storage(), settings.storage));
  return ImageReference::Of(std::move(store));
}

void SetStorageImage(const StorageReference& store, unsigned uid,
                     broker::ContainersStorageImage& image) {
  image.set_driver(store.driver);
  if (store.name.has_value()) {
    image.set_name(store.name->tag.empty()
                       ? store.name->Repository()
                       : absl::StrCat(store.name->Repository(), ":", store.name->tag));
    if (store.name->digest.has_value()) {
      image.set_digest(store.name->digest->ToString());
    }
  }
  image.set_image_id(store.image_id);
  image.set_whiteout_form(WhiteoutFormOf(store, uid));
  image.set_makes_devices(uid == 0);
  image.set_display_name(
      std::string(absl::StripPrefix(ImageReference::Of(store).ToString(), "containers-storage:")));
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
  if (const StorageReference* store = reference.storage()) {
    SetStorageImage(*store, settings.storage.uid, *place.location.mutable_containers_storage());
    return place;
  }
  if (const OciReference* oci = reference.oci()) {
    broker::OciImage& image = *place.location.mutable_oci();
    image.set_reference(oci->reference);
    image.set_has_index(oci->index.has_value());
    image.set_index(oci->index.value_or(0));
  } else if (const DockerArchiveReference* archive = reference.docker_archive()) {
    *place.location.mutable_docker_archive() = DockerArchiveImageOf(*archive);
  } else if (const OciArchiveReference* archive = reference.oci_archive()) {
    *place.location.mutable_oci_archive() = OciArchiveImageOf(*archive);
  } else if (const TarballReference* tarball = reference.tarball()) {
    if (std::find(tarball->paths.begin(), tarball->paths.end(), "-") != tarball->paths.end()) {
      return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                       "a server has no standard input that tarball:- could name");
    }
    broker::TarballImage& image = *place.location.mutable_tarball();
    image.set_file_count(static_cast<uint32_t>(tarball->paths.size()));
    image.set_architecture(std::string(kArchitecture));
  } else if (reference.sif() != nullptr) {
    place.location.mutable_sif();
  } else if (const DockerDaemonReference* image = reference.docker_daemon()) {
    return PrepareDaemon(*image, access);
  } else {
    place.location.mutable_dir();
  }
  return place;
}

// The names that the image gets beside the destination's. `field` is for messages.
absl::Status AddTags(const std::string& field, const v1::CopyRequest& request,
                     broker::ImageLocation& destination) {
  for (const std::string& tag : request.additional_tags()) {
    const absl::StatusOr<RegistryReference> name = ParseAdditionalTag(tag);
    if (!name.ok()) {
      return MakeError(name.status().code(), ErrorReason(name.status()), name.status().message(),
                       {{"field", field}});
    }
    if (destination.has_docker_archive()) {
      destination.mutable_docker_archive()->add_additional_names(name->Name());
    }
  }
  return absl::OkStatus();
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
  return PreparedJob{std::move(spec), {std::move(place.identity), {}}, std::move(image),
                     std::nullopt,    std::move(place.daemon),         std::nullopt};
}

absl::Status NotOfThisTransport(const std::string& field, absl::string_view message) {
  return MakeError(absl::StatusCode::kUnimplemented, "TRANSPORT_UNIMPLEMENTED", message,
                   {{"field", field}});
}

absl::Status CheckDeletion(const ImageReference& image, bool only_tag) {
  const RegistryReference* registry = image.registry();
  if ((image.storage() != nullptr || image.oci() != nullptr) && !only_tag) {
    return absl::OkStatus();
  }
  if (registry == nullptr && only_tag) {
    return NotOfThisTransport("only_tag", absl::StrCat("Deleting tags alone not implemented for ",
                                                       image.transport(), ": images"));
  }
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
  if (repository.docker_archive() != nullptr) {
    return absl::OkStatus();
  }
  const RegistryReference* registry = repository.registry();
  if (registry == nullptr) {
    return NotOfThisTransport(
        "repository", absl::StrCat("Unsupported transport '", repository.transport(),
                                   "' for tag listing. Only supported: docker, docker-archive"));
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
  ASSIGN_OR_RETURN(ImageReference image,
                   ParseComplete("image", request.image(), request.registry(), settings));
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

namespace {

// `field` is for messages, here and below.
absl::StatusOr<ImageReference> ParseSource(const std::string& field, const v1::CopyRequest& request,
                                           const RegistrySettings& settings) {
  return ParseComplete(field, request.source(), request.source_registry(), settings);
}

absl::StatusOr<ImageReference> ParseDestination(const std::string& field,
                                                const v1::CopyRequest& request,
                                                const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(
      ImageReference destination,
      ParseComplete(field, request.destination(), request.destination_registry(), settings));
  if (destination.tarball() != nullptr || destination.sif() != nullptr) {
    return NotOfThisTransport(field,
                              absl::StrCat("\"", destination.transport(),
                                           ":\" locations can only be read from, not written to"));
  }
  RETURN_IF_ERROR(CheckDaemonDestination(field, destination));
  return destination;
}

absl::StatusOr<PreparedPlace> PrepareSource(const ImageReference& source,
                                            const v1::CopyRequest& request,
                                            const RegistrySettings& settings) {
  return PreparePlace(source, request.source_registry(), settings, RegistryUse::kPull);
}

absl::StatusOr<PreparedPlace> PrepareDestination(const ImageReference& destination,
                                                 const v1::CopyRequest& request,
                                                 const RegistrySettings& settings) {
  return PreparePlace(destination, request.destination_registry(), settings, RegistryUse::kPush);
}

PreparedPlace PlaceOf(broker::ImageLocation location) {
  PreparedPlace place;
  place.location = std::move(location);
  return place;
}

absl::StatusOr<PreparedJob> PrepareCopy(const std::string& tags_field,
                                        const v1::CopyRequest& request, ImageReference source,
                                        PreparedPlace from, ImageReference destination,
                                        PreparedPlace to) {
  RETURN_IF_ERROR(AddTags(tags_field, request, to.location));
  AllowMount(source, destination, to.identity);
  broker::JobSpec spec;
  *spec.mutable_source() = std::move(from.location);
  *spec.mutable_destination() = std::move(to.location);
  *spec.mutable_platform() = Complete(request.platform());
  spec.set_threads(
      request.max_parallel_blobs() > 0
          ? std::max(static_cast<uint32_t>(request.max_parallel_blobs()), kLeastThreads)
          : kDefaultThreads);
  spec.set_user_agent(absl::StrCat("holkas/", kVersion));
  v1::CopyRequest& copy = *spec.mutable_copy();
  copy = request;
  copy.clear_source();
  copy.clear_destination();
  copy.clear_source_registry();
  copy.clear_destination_registry();
  copy.clear_additional_tags();
  copy.clear_decryption_keys();
  copy.clear_request_id();
  spec.set_has_decryption_keys(request.decryption_keys_size() > 0);
  return PreparedJob{std::move(spec),
                     {std::move(from.identity),
                      std::move(to.identity),
                      {request.decryption_keys().begin(), request.decryption_keys().end()}},
                     std::move(source),
                     std::move(destination),
                     std::move(from.daemon),
                     std::move(to.daemon)};
}

}  // namespace

absl::StatusOr<PreparedJob> PrepareJob(const v1::CopyRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference source, ParseSource("source", request, settings));
  ASSIGN_OR_RETURN(ImageReference destination, ParseDestination("destination", request, settings));
  ASSIGN_OR_RETURN(PreparedPlace from, PrepareSource(source, request, settings));
  ASSIGN_OR_RETURN(PreparedPlace to, PrepareDestination(destination, request, settings));
  return PrepareCopy("additional_tags", request, std::move(source), std::move(from),
                     std::move(destination), std::move(to));
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::ImportOptions& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(PreparedStream stream,
                   PrepareImport(request.format(), request.image(), "options.image"));
  ASSIGN_OR_RETURN(ImageReference destination,
                   ParseDestination("options.copy.destination", request.copy(), settings));
  ASSIGN_OR_RETURN(PreparedPlace to, PrepareDestination(destination, request.copy(), settings));
  return PrepareCopy("options.copy.additional_tags", request.copy(), std::move(stream.reference),
                     PlaceOf(std::move(stream.location)), std::move(destination), std::move(to));
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::ExportRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference source, ParseSource("copy.source", request.copy(), settings));
  ASSIGN_OR_RETURN(PreparedStream stream,
                   PrepareExport(request.format(), request.image(), "image"));
  ASSIGN_OR_RETURN(PreparedPlace from, PrepareSource(source, request.copy(), settings));
  return PrepareCopy("copy.additional_tags", request.copy(), std::move(source), std::move(from),
                     std::move(stream.reference), PlaceOf(std::move(stream.location)));
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::DeleteRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference image,
                   ParseComplete("image", request.image(), request.registry(), settings));
  RETURN_IF_ERROR(CheckDeletion(image, request.only_tag()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareOneImage(std::move(image), request.registry(), settings,
                                                    request.only_tag() ? RegistryUse::kUntag
                                                                       : RegistryUse::kDelete));
  if (job.spec.source().has_oci()) {
    // What is left of the layout's list is written.
    *job.spec.mutable_destination() = job.spec.source();
    job.destination = job.source;
  }
  v1::DeleteRequest& deletion = *job.spec.mutable_delete_();
  deletion = request;
  deletion.clear_image();
  deletion.clear_registry();
  deletion.clear_request_id();
  return job;
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::ListTagsRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference repository, ParseReference("repository", request.repository()));
  RETURN_IF_ERROR(CheckRepository(repository));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareOneImage(std::move(repository), request.registry(),
                                                    settings, RegistryUse::kPull));
  if (job.source.registry() != nullptr) {
    broker::RegistryImage& registry = *job.spec.mutable_source()->mutable_registry();
    registry.clear_tag();
    registry.set_display_name(job.source.registry()->Repository());
    for (broker::RegistryImage& mirror : *registry.mutable_mirrors()) {
      mirror.clear_tag();
    }
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
           location.docker_daemon().verify_certificate() ||
           std::any_of(mirrors.begin(), mirrors.end(),
                       [](const auto& mirror) { return mirror.verify_certificate(); });
  };
  return verifies(spec.source()) || verifies(spec.destination());
}

}  // namespace holkas
