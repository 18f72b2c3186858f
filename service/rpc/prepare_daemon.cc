#include "service/rpc/prepare_daemon.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/daemon_host.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {

absl::StatusOr<PreparedPlace> PrepareDaemon(const DockerDaemonReference& reference,
                                            const v1::RegistryAccess& access) {
  constexpr uint32_t kHttpPort = 80;
  const absl::string_view named = access.daemon_host();
  absl::StatusOr<DaemonHost> daemon = DaemonHost::Parse(named.empty() ? kDefaultDaemonHost : named);
  RETURN_IF_ERROR(WithContext(daemon.status(), "initializing docker engine client"));
  const bool is_unix = !daemon->unix_path.empty();
  PreparedPlace place;
  broker::DockerDaemonImage& image = *place.location.mutable_docker_daemon();
  image.set_host(is_unix ? "localhost" : daemon->host);
  image.set_port(is_unix ? kHttpPort : daemon->port);
  image.set_https(daemon->https);
  image.set_base_path(daemon->base_path);
  image.set_verify_certificate(daemon->https &&
                               access.tls_verification() != v1::TLS_VERIFICATION_DISABLED);
  *image.mutable_certificates() = access.certificates();
  image.set_reference(reference.Familiar());
  if (reference.name.has_value()) {
    image.set_repository(reference.name->Repository());
    image.set_tag(reference.name->tag);
  }
  place.daemon = *std::move(daemon);
  return place;
}

absl::Status CheckDaemonDestination(const std::string& field, const ImageReference& destination) {
  const DockerDaemonReference* daemon = destination.docker_daemon();
  if (daemon == nullptr || (daemon->name.has_value() && !daemon->name->tag.empty())) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                   absl::StrCat("Invalid destination ", destination.ToString(),
                                ": a destination must be a name:tag"),
                   {{"field", field}});
}

}  // namespace holkas
