#include "service/policy/make_grants.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/policy/address_policy.h"

namespace holkas {
namespace {

constexpr uint16_t kHttpsPort = 443;
constexpr uint16_t kHttpPort = 80;

// What can be said about a registry at a public address without looking it up is said before there
// is a worker.
absl::StatusOr<RegistryGrant> GrantRegistry(const broker::RegistryImage& image,
                                            const RegistryRules& rules) {
  RegistryReference registry;
  registry.host = image.host();
  registry.port = static_cast<uint16_t>(image.port());
  RegistryGrant grant;
  grant.host = image.api_host();
  grant.public_only = !IsVouchedFor(registry, rules);
  grant.plain_http_allowed = image.plain_http_allowed();
  if (grant.public_only) {
    const absl::Status public_host = CheckHost(grant.host, {});
    if (!public_host.ok()) {
      return MakeError(
          public_host.code(), ErrorReason(public_host),
          absl::StrCat("registry ", registry.HostPort(), ": ", public_host.message(),
                       "; the server's registries.egress.allowed_registries can allow it"),
          {{"registry", registry.HostPort()}});
    }
  }
  if (image.port() != 0) {
    grant.ports = {static_cast<uint16_t>(image.port())};
  } else if (image.plain_http_allowed()) {
    grant.ports = {kHttpsPort, kHttpPort};
  } else {
    grant.ports = {kHttpsPort};
  }
  return grant;
}

absl::Status Denied(absl::string_view path) {
  return MakeError(
      absl::StatusCode::kPermissionDenied, "PATH_DENIED",
      absl::StrCat("path ", path, " is not beneath one of the server's access.local_roots"),
      {{"path", std::string(path)}});
}

bool IsBeneath(const std::string& path, absl::string_view root) {
  root = absl::StripSuffix(root, "/");
  return path == root || absl::StartsWith(path, absl::StrCat(root, "/"));
}

absl::StatusOr<std::string> GrantPath(const std::string& path, const LocalPathRules& rules) {
  std::string absolute = path;
  if (!absl::StartsWith(path, "/")) {
    if (rules.working_directory.empty()) {
      return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                       absl::StrCat("path \"", path, "\" must be absolute on this server"));
    }
    absolute = absl::StrCat(rules.working_directory, "/", path);
  }
  if (rules.any) {
    return absolute;
  }
  // What exists of the path is resolved; `..` in the rest is taken away textually.
  std::error_code error;
  const std::string resolved = std::filesystem::weakly_canonical(absolute, error).string();
  if (error) {
    return Denied(path);
  }
  for (const std::string& root : rules.roots) {
    const std::string resolved_root = std::filesystem::weakly_canonical(root, error).string();
    if (!error && IsBeneath(resolved, resolved_root)) {
      return resolved;
    }
  }
  return Denied(path);
}

absl::StatusOr<std::optional<WritePathGrant>> GrantLocalImage(const ImageReference& image,
                                                              const LocalPathRules& rules) {
  const auto grant = [&](ReadPathGrant::Kind kind, const std::string& path,
                         bool must_be_new) -> absl::StatusOr<std::optional<WritePathGrant>> {
    ASSIGN_OR_RETURN(std::string granted, GrantPath(path, rules));
    return WritePathGrant{kind, std::move(granted), must_be_new};
  };
  if (const OciReference* oci = image.oci()) {
    ASSIGN_OR_RETURN(auto layout, grant(ReadPathGrant::Kind::kOci, oci->path, false));
    if (!oci->blob_directory.empty()) {
      ASSIGN_OR_RETURN(layout->blob_directory, GrantPath(oci->blob_directory, rules));
    }
    return layout;
  }
  if (const DirReference* dir = image.dir()) {
    return grant(ReadPathGrant::Kind::kDir, dir->path, false);
  }
  if (const DockerArchiveReference* archive = image.docker_archive()) {
    return grant(ReadPathGrant::Kind::kFile, archive->path, true);
  }
  if (const OciArchiveReference* archive = image.oci_archive()) {
    return grant(ReadPathGrant::Kind::kFile, archive->path, false);
  }
  if (image.streamed() != nullptr) {
    // A file of the server's own, which the caller of this makes.
    return WritePathGrant{ReadPathGrant::Kind::kFile, ""};
  }
  return std::optional<WritePathGrant>();
}

// A tarball: is only read, and so is a sif:.
absl::StatusOr<std::optional<ReadPathGrant>> GrantSource(const ImageReference& image,
                                                         const LocalPathRules& rules) {
  std::optional<ReadPathGrant> grant;
  if (const TarballReference* tarball = image.tarball()) {
    grant = ReadPathGrant{ReadPathGrant::Kind::kFile, ""};
    ASSIGN_OR_RETURN(grant->path, GrantPath(tarball->paths.front(), rules));
    for (size_t i = 1; i < tarball->paths.size(); ++i) {
      ASSIGN_OR_RETURN(std::string path, GrantPath(tarball->paths[i], rules));
      grant->further_paths.push_back(std::move(path));
    }
    return grant;
  }
  if (const SifReference* sif = image.sif()) {
    grant = ReadPathGrant{ReadPathGrant::Kind::kFile, ""};
    ASSIGN_OR_RETURN(grant->path, GrantPath(sif->path, rules));
    return grant;
  }
  ASSIGN_OR_RETURN(std::optional<WritePathGrant> path, GrantLocalImage(image, rules));
  if (path.has_value()) {
    grant = ReadPathGrant{path->kind, std::move(path->path)};
    grant->blob_directory = std::move(path->blob_directory);
  }
  return grant;
}

absl::StatusOr<std::optional<StoreGrant>> GrantStore(const ImageReference& image,
                                                     const broker::ImageLocation& location,
                                                     bool writable, const LocalPathRules& rules) {
  std::optional<StoreGrant> grant;
  if (const StorageReference* store = image.storage()) {
    grant.emplace();
    ASSIGN_OR_RETURN(grant->graph_root, GrantPath(store->graph_root, rules));
    ASSIGN_OR_RETURN(grant->run_root, GrantPath(store->run_root, rules));
    grant->writable = writable;
    grant->mark_opaque =
        writable && location.containers_storage().whiteout_form() == broker::WHITEOUT_FORM_OVERLAY;
    grant->make_devices = writable && location.containers_storage().makes_devices();
  }
  return grant;
}

// Archives that are compressed are decompressed into temporary files, and layers wait there.
bool NeedsSpool(const ImageReference& image) {
  return image.docker_archive() != nullptr || image.oci_archive() != nullptr ||
         image.streamed() != nullptr;
}

}  // namespace

absl::StatusOr<Grants> MakeGrants(const broker::JobSpec& job, const ImageReference& source,
                                  const ImageReference* destination, const AccessRules& rules,
                                  absl::Duration max_run_time) {
  Grants grants;
  grants.max_run_time = max_run_time;
  if (source.registry() != nullptr) {
    RETURN_IF_ERROR(CheckNamed(*source.registry(), rules.registries));
  }
  if (job.source().has_registry()) {
    const broker::RegistryImage& registry = job.source().registry();
    ASSIGN_OR_RETURN(grants.source_registry, GrantRegistry(registry, rules.registries));
    for (const broker::RegistryImage& mirror : registry.mirrors()) {
      ASSIGN_OR_RETURN(RegistryGrant grant, GrantRegistry(mirror, rules.registries));
      grants.source_mirrors.push_back(std::move(grant));
    }
  }
  if (NeedsSpool(source) || (destination != nullptr && NeedsSpool(*destination))) {
    grants.spool_directory = kSpoolDirectory;
  }
  ASSIGN_OR_RETURN(grants.source_store,
                   GrantStore(source, job.source(), job.has_delete_(), rules.paths));
  ASSIGN_OR_RETURN(grants.source_path, GrantSource(source, rules.paths));
  if (destination == nullptr) {
    return grants;
  }
  ASSIGN_OR_RETURN(grants.destination_store,
                   GrantStore(*destination, job.destination(), true, rules.paths));
  if (destination->registry() != nullptr) {
    RETURN_IF_ERROR(CheckNamed(*destination->registry(), rules.registries));
  }
  if (job.destination().has_registry()) {
    ASSIGN_OR_RETURN(grants.destination_registry,
                     GrantRegistry(job.destination().registry(), rules.registries));
  }
  ASSIGN_OR_RETURN(grants.destination_path, GrantLocalImage(*destination, rules.paths));
  if (grants.destination_path.has_value()) {
    grants.destination_path->only_removes = job.has_delete_();
  }
  return grants;
}

}  // namespace holkas
