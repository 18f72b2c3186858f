#ifndef HOLKAS_SERVICE_POLICY_GRANT_DAEMON_H_
#define HOLKAS_SERVICE_POLICY_GRANT_DAEMON_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "proto/wire/daemon_host.h"
#include "service/policy/grants.h"

namespace holkas {

// Which Docker daemons a caller may use. Who may write to one decides what its machine runs.
struct DaemonRules {
  // Every daemon: the caller could go there without this server, too.
  bool any = false;
  std::vector<DaemonHost> allowed;
};

// Decides whether the worker of a job may connect to `daemon`, which the caller named for the image
// at `location`. Nothing for an image that is in no daemon. Errors: PERMISSION_DENIED
// (DAEMON_DENIED).
absl::StatusOr<std::optional<DaemonGrant>> GrantDaemon(const std::optional<DaemonHost>& daemon,
                                                       const broker::ImageLocation& location,
                                                       const DaemonRules& rules);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_POLICY_GRANT_DAEMON_H_
