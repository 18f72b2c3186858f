#ifndef HOLKAS_PROTO_WIRE_HOST_PORT_H_
#define HOLKAS_PROTO_WIRE_HOST_PORT_H_

#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace holkas {

// `host[:port]` as URLs have it, with brackets around an IPv6 address; without the port where it is
// 0. `host` comes without brackets.
inline std::string JoinHostPort(absl::string_view host, uint32_t port = 0) {
  const bool is_v6 = absl::StrContains(host, ':');
  return absl::StrCat(is_v6 ? "[" : "", host, is_v6 ? "]" : "",
                      port == 0 ? "" : absl::StrCat(":", port));
}

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_HOST_PORT_H_
