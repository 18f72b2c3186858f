#include "service/rpc/get_server_info.h"

#include <string>

#include "proto/wire/version.h"

namespace holkas {

v1::GetServerInfoResponse GetServerInfo(const ServerParts& server, const Identity& caller) {
  v1::GetServerInfoResponse response = server.info;
  if (caller.name != kAnonymous) {
    response.set_identity(caller.name);
  }
  response.set_running_requests(server.runner->running());
  return response;
}

namespace {

// What can be done with images of a transport; all are read.
struct TransportRow {
  const char* name;
  bool writable = false;
  bool deletable = false;
  bool listable = false;
  // Its workers need what the full tier alone has.
  bool needs_full_tier = false;
};

constexpr TransportRow kTransports[] = {
    {.name = "docker", .writable = true, .deletable = true, .listable = true},
    {.name = "oci", .writable = true, .deletable = true},
    {.name = "dir", .writable = true},
    {.name = "docker-archive", .writable = true, .listable = true},
    {.name = "oci-archive", .writable = true},
    {.name = "docker-daemon", .writable = true},
    {.name = "containers-storage", .writable = true, .deletable = true, .needs_full_tier = true},
    {.name = "tarball"},
    {.name = "sif"},
};

}  // namespace

v1::GetServerInfoResponse MakeServerInfo(v1::SandboxTier tier, int landlock_abi,
                                         int max_concurrent_requests) {
  v1::GetServerInfoResponse info;
  info.set_version(std::string(kVersion));
  info.set_sandbox_tier(tier);
  info.set_landlock_abi(landlock_abi);
  info.set_max_concurrent_requests(max_concurrent_requests);
  for (const TransportRow& row : kTransports) {
    if (row.needs_full_tier && tier != v1::SANDBOX_TIER_FULL) {
      continue;
    }
    v1::TransportInfo& transport = *info.add_transports();
    transport.set_name(row.name);
    transport.set_readable(true);
    transport.set_writable(row.writable);
    transport.set_deletable(row.deletable);
    transport.set_listable(row.listable);
  }
  return info;
}

}  // namespace holkas
