#include "service/rpc/job_spec.h"

#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/version.h"
#include "service/rpc/certificate_directories.h"

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

// What a job does at a registry, as tokens call it (distribution: docs/spec/auth/scope).
constexpr absl::string_view kPull = "pull";
constexpr absl::string_view kPush = "pull,push";

std::string ScopeOf(const RegistryReference& reference, absl::string_view actions) {
  return absl::StrCat("repository:", reference.path, ":", actions);
}

// Without credentials.
absl::StatusOr<broker::RegistryImage> RegistryImageOf(const RegistryReference& reference,
                                                      const std::string& display_name,
                                                      const v1::RegistryAccess& access,
                                                      const RegistrySettings& settings) {
  broker::RegistryImage image;
  image.set_host(reference.host);
  image.set_port(reference.port);
  image.set_api_host(reference.ApiHost());
  image.set_repository(reference.path);
  if (reference.digest.has_value()) {
    image.set_digest(reference.digest->ToString());
  } else if (!reference.unknown_digest) {
    image.set_tag(reference.tag);
  }
  image.set_display_name(display_name);

  const bool insecure = access.tls_verification() == v1::TLS_VERIFICATION_DISABLED ||
                        (access.tls_verification() == v1::TLS_VERIFICATION_UNSPECIFIED &&
                         settings.insecure.contains(reference.HostPort()));
  image.set_verify_certificate(!insecure);
  image.set_plain_http_allowed(insecure);
  if (access.has_certificates()) {
    *image.mutable_certificates() = access.certificates();
  } else {
    ASSIGN_OR_RETURN(*image.mutable_certificates(),
                     FindCertificates(settings.certificate_directories, reference.HostPort()));
  }
  return image;
}

// One place of a job.
struct PreparedPlace {
  broker::ImageLocation location;
  std::vector<RegistryIdentity> identity;  // empty where it is no registry
};

absl::StatusOr<PreparedPlace> PrepareRegistry(const RegistryReference& reference,
                                              const std::string& display_name,
                                              const v1::RegistryAccess& access,
                                              const RegistrySettings& settings,
                                              std::vector<std::string> scopes) {
  PreparedPlace place;
  broker::RegistryImage& image = *place.location.mutable_registry();
  ASSIGN_OR_RETURN(image, RegistryImageOf(reference, display_name, access, settings));
  ASSIGN_OR_RETURN(StoredCredentials credentials,
                   LookUpCredentials(settings.credentials, access, reference.Repository()));
  // Who has a token has it from elsewhere, and the worker may have it too: it is of use for nothing
  // but this.
  if (const auto* token = std::get_if<BearerToken>(&credentials)) {
    image.set_authorization(absl::StrCat("Bearer ", token->token));
  }
  RegistryIdentity& identity = place.identity.emplace_back();
  identity.registry = image;
  identity.credentials = std::move(credentials);
  identity.scopes = std::move(scopes);
  return place;
}

absl::StatusOr<PreparedPlace> PreparePlace(const ImageReference& reference,
                                           const v1::RegistryAccess& access,
                                           const RegistrySettings& settings,
                                           absl::string_view actions) {
  if (const RegistryReference* registry = reference.registry()) {
    const std::string name = reference.ToString();
    return PrepareRegistry(*registry, std::string(absl::StripPrefix(name, "docker://")), access,
                           settings, {ScopeOf(*registry, actions)});
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
    identity[0].scopes.push_back(ScopeOf(*source.registry(), kPull));
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

}  // namespace

absl::StatusOr<PreparedJob> PrepareJob(const v1::InspectRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference image, ParseReference("image", request.image()));
  ASSIGN_OR_RETURN(PreparedPlace source, PreparePlace(image, request.registry(), settings, kPull));
  broker::JobSpec spec;
  *spec.mutable_source() = std::move(source.location);
  *spec.mutable_platform() = Complete(request.platform());
  spec.set_threads(1);
  spec.set_user_agent(absl::StrCat("holkas/", kVersion));
  v1::InspectRequest& inspect = *spec.mutable_inspect();
  inspect = request;
  inspect.clear_image();
  inspect.clear_registry();
  return PreparedJob{
      std::move(spec), {std::move(source.identity), {}}, std::move(image), std::nullopt};
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::CheckCredentialsRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference registry, ParseRegistry(request.registry()));
  ASSIGN_OR_RETURN(PreparedPlace place, PrepareRegistry(*registry.registry(), request.registry(),
                                                        request.access(), settings, {}));
  broker::JobSpec spec;
  *spec.mutable_source() = std::move(place.location);
  spec.set_threads(1);
  spec.set_user_agent(absl::StrCat("holkas/", kVersion));
  spec.mutable_check_credentials();
  return PreparedJob{
      std::move(spec), {std::move(place.identity), {}}, std::move(registry), std::nullopt};
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::CopyRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference source, ParseReference("source", request.source()));
  ASSIGN_OR_RETURN(ImageReference destination,
                   ParseReference("destination", request.destination()));
  ASSIGN_OR_RETURN(PreparedPlace from,
                   PreparePlace(source, request.source_registry(), settings, kPull));
  ASSIGN_OR_RETURN(PreparedPlace to,
                   PreparePlace(destination, request.destination_registry(), settings, kPush));
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

bool VerifiesCertificates(const broker::JobSpec& spec) {
  const auto verifies = [](const broker::ImageLocation& location) {
    return location.has_registry() && location.registry().verify_certificate();
  };
  return verifies(spec.source()) || verifies(spec.destination());
}

}  // namespace holkas
