#ifndef HOLKAS_SERVICE_RPC_GET_SERVER_INFO_H_
#define HOLKAS_SERVICE_RPC_GET_SERVER_INFO_H_

#include "holkas/v1/image_service.pb.h"
#include "service/rpc/request_context.h"

namespace holkas {

// Serves the rpc GetServerInfo.
v1::GetServerInfoResponse GetServerInfo(const ServerParts& server, const Identity& caller);

// What is known when the server starts: version, transports, limits, and the sandbox that its
// workers get.
v1::GetServerInfoResponse MakeServerInfo(v1::SandboxTier tier, int landlock_abi,
                                         int max_concurrent_requests);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_GET_SERVER_INFO_H_
