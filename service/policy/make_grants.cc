#include "service/policy/make_grants.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr uint16_t kHttpsPort = 443;
constexpr uint16_t kHttpPort = 80;

RegistryGrant GrantRegistry(const broker::RegistryImage& image) {
  RegistryGrant grant;
  grant.host = image.api_host();
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

struct PathGrant {
  ReadPathGrant::Kind kind;
  std::string path;
};

absl::StatusOr<std::optional<PathGrant>> GrantLocalImage(const ImageReference& image,
                                                         const LocalPathRules& rules) {
  std::optional<PathGrant> grant;
  if (const OciReference* oci = image.oci()) {
    ASSIGN_OR_RETURN(std::string path, GrantPath(oci->path, rules));
    grant = PathGrant{ReadPathGrant::Kind::kOci, std::move(path)};
  } else if (const DirReference* dir = image.dir()) {
    ASSIGN_OR_RETURN(std::string path, GrantPath(dir->path, rules));
    grant = PathGrant{ReadPathGrant::Kind::kDir, std::move(path)};
  }
  return grant;
}

}  // namespace

absl::StatusOr<Grants> MakeGrants(const broker::JobSpec& job, const ImageReference& source,
                                  const ImageReference* destination, const LocalPathRules& rules,
                                  absl::Duration max_run_time) {
  Grants grants;
  grants.max_run_time = max_run_time;
  if (job.source().has_registry()) {
    grants.source_registry = GrantRegistry(job.source().registry());
  }
  ASSIGN_OR_RETURN(std::optional<PathGrant> source_path, GrantLocalImage(source, rules));
  if (source_path.has_value()) {
    grants.source_path = ReadPathGrant{source_path->kind, std::move(source_path->path)};
  }
  if (destination == nullptr) {
    return grants;
  }
  if (job.destination().has_registry()) {
    grants.destination_registry = GrantRegistry(job.destination().registry());
  }
  ASSIGN_OR_RETURN(std::optional<PathGrant> destination_path, GrantLocalImage(*destination, rules));
  if (destination_path.has_value()) {
    grants.destination_path =
        WritePathGrant{destination_path->kind, std::move(destination_path->path)};
  }
  return grants;
}

}  // namespace holkas
