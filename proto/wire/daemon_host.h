#ifndef HOLKAS_PROTO_WIRE_DAEMON_HOST_H_
#define HOLKAS_PROTO_WIRE_DAEMON_HOST_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// Where a Docker daemon listens where nobody says it.
inline constexpr absl::string_view kDefaultDaemonHost = "unix:///var/run/docker.sock";

// Where a Docker daemon listens, as Skopeo's --daemon-host names it: `unix:///path`, or
// `tcp://host[:port][/base]`, which speaks TLS, as `https://` does; `http://` does not.
struct DaemonHost {
  // Absolute; empty: TCP.
  std::string unix_path;
  std::string host;   // lower case, without brackets around IPv6
  uint16_t port = 0;  // never 0 but for a unix socket
  bool https = false;
  // What precedes the paths of the API; empty, or from a slash on and without one at its end.
  std::string base_path;

  // Errors: INVALID_ARGUMENT (INVALID_FIELD).
  static absl::StatusOr<DaemonHost> Parse(absl::string_view text);

  // The canonical text; equal for equal hosts.
  std::string ToString() const;

  friend bool operator==(const DaemonHost&, const DaemonHost&) = default;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_DAEMON_HOST_H_
