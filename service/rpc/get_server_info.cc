#include "service/rpc/get_server_info.h"

#include <string>

#include "absl/strings/string_view.h"
#include "proto/wire/version.h"

namespace holkas {

v1::GetServerInfoResponse GetServerInfo(const ServerParts& server) {
  v1::GetServerInfoResponse response = server.info;
  response.set_running_requests(server.runner->running());
  return response;
}

v1::GetServerInfoResponse MakeServerInfo(v1::SandboxTier tier, int landlock_abi,
                                         int max_concurrent_requests) {
  v1::GetServerInfoResponse info;
  info.set_version(std::string(kVersion));
  info.set_sandbox_tier(tier);
  info.set_landlock_abi(landlock_abi);
  info.set_max_concurrent_requests(max_concurrent_requests);
  for (const char* name : {"docker", "oci", "dir"}) {
    v1::TransportInfo& transport = *info.add_transports();
    transport.set_name(name);
    transport.set_readable(true);
    transport.set_writable(true);
    const bool is_registry = absl::string_view(name) == "docker";
    transport.set_deletable(is_registry);
    transport.set_listable(is_registry);
  }
  return info;
}

}  // namespace holkas
