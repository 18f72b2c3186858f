#include "service/policy/grant_daemon.h"

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {

absl::StatusOr<std::optional<DaemonGrant>> GrantDaemon(const std::optional<DaemonHost>& daemon,
                                                       const broker::ImageLocation& location,
                                                       const DaemonRules& rules) {
  if (!daemon.has_value()) {
    return std::optional<DaemonGrant>();
  }
  if (!rules.any &&
      std::find(rules.allowed.begin(), rules.allowed.end(), *daemon) == rules.allowed.end()) {
    return MakeError(absl::StatusCode::kPermissionDenied, "DAEMON_DENIED",
                     absl::StrCat("the Docker daemon at ", daemon->ToString(),
                                  " is not one of the server's access.docker_daemons"),
                     {{"daemon", daemon->ToString()}});
  }
  const broker::DockerDaemonImage& image = location.docker_daemon();
  return DaemonGrant{*daemon, image.host(), static_cast<uint16_t>(image.port())};
}

}  // namespace holkas
