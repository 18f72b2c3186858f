#include "service/rpc/job_spec.h"

#include <map>
#include <utility>

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

  switch (access.credentials_case()) {
    case v1::RegistryAccess::kBasic:
      *image.mutable_basic() = access.basic();
      break;
    case v1::RegistryAccess::kBearerToken:
      image.set_bearer_token(access.bearer_token());
      break;
    case v1::RegistryAccess::kAnonymous:
    case v1::RegistryAccess::CREDENTIALS_NOT_SET:
      break;
  }
  return image;
}

absl::StatusOr<broker::ImageLocation> LocationOf(const ImageReference& reference,
                                                 const v1::RegistryAccess& access,
                                                 const RegistrySettings& settings) {
  broker::ImageLocation location;
  if (const RegistryReference* registry = reference.registry()) {
    const std::string name = reference.ToString();
    ASSIGN_OR_RETURN(*location.mutable_registry(),
                     RegistryImageOf(*registry, std::string(absl::StripPrefix(name, "docker://")),
                                     access, settings));
  } else if (const OciReference* oci = reference.oci()) {
    broker::OciImage& image = *location.mutable_oci();
    image.set_reference(oci->reference);
    image.set_has_index(oci->index.has_value());
    image.set_index(oci->index.value_or(0));
  } else {
    location.mutable_dir();
  }
  return location;
}

// A job with one image, without what is to be done with it.
absl::StatusOr<broker::JobSpec> SpecOfOneImage(const ImageReference& image,
                                               const v1::RegistryAccess& access,
                                               const RegistrySettings& settings) {
  broker::JobSpec spec;
  ASSIGN_OR_RETURN(*spec.mutable_source(), LocationOf(image, access, settings));
  *spec.mutable_platform() = Complete({});
  spec.set_threads(1);
  spec.set_user_agent(absl::StrCat("holkas/", kVersion));
  return spec;
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
  broker::JobSpec spec;
  ASSIGN_OR_RETURN(*spec.mutable_source(), LocationOf(image, request.registry(), settings));
  *spec.mutable_platform() = Complete(request.platform());
  spec.set_threads(1);
  spec.set_user_agent(absl::StrCat("holkas/", kVersion));
  v1::InspectRequest& inspect = *spec.mutable_inspect();
  inspect = request;
  inspect.clear_image();
  inspect.clear_registry();
  return PreparedJob{std::move(spec), std::move(image), std::nullopt};
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::CopyRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference source, ParseReference("source", request.source()));
  ASSIGN_OR_RETURN(ImageReference destination,
                   ParseReference("destination", request.destination()));
  broker::JobSpec spec;
  ASSIGN_OR_RETURN(*spec.mutable_source(), LocationOf(source, request.source_registry(), settings));
  ASSIGN_OR_RETURN(*spec.mutable_destination(),
                   LocationOf(destination, request.destination_registry(), settings));
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
  return PreparedJob{std::move(spec), std::move(source), std::move(destination)};
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::DeleteRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference image, ParseReference("image", request.image()));
  RETURN_IF_ERROR(CheckDeletion(image, request.only_tag()));
  ASSIGN_OR_RETURN(broker::JobSpec spec, SpecOfOneImage(image, request.registry(), settings));
  v1::DeleteRequest& deletion = *spec.mutable_delete_();
  deletion = request;
  deletion.clear_image();
  deletion.clear_registry();
  return PreparedJob{std::move(spec), std::move(image), std::nullopt};
}

absl::StatusOr<PreparedJob> PrepareJob(const v1::ListTagsRequest& request,
                                       const RegistrySettings& settings) {
  ASSIGN_OR_RETURN(ImageReference repository, ParseReference("repository", request.repository()));
  RETURN_IF_ERROR(CheckRepository(repository));
  ASSIGN_OR_RETURN(broker::JobSpec spec, SpecOfOneImage(repository, request.registry(), settings));
  spec.mutable_source()->mutable_registry()->clear_tag();
  spec.mutable_source()->mutable_registry()->set_display_name(repository.registry()->Repository());
  v1::ListTagsRequest& list = *spec.mutable_list_tags();
  list = request;
  list.clear_repository();
  list.clear_registry();
  return PreparedJob{std::move(spec), std::move(repository), std::nullopt};
}

bool VerifiesCertificates(const broker::JobSpec& spec) {
  const auto verifies = [](const broker::ImageLocation& location) {
    return location.has_registry() && location.registry().verify_certificate();
  };
  return verifies(spec.source()) || verifies(spec.destination());
}

}  // namespace holkas
