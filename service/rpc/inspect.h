#ifndef HOLKAS_SERVICE_RPC_INSPECT_H_
#define HOLKAS_SERVICE_RPC_INSPECT_H_

#include "absl/status/statusor.h"
#include "holkas/v1/image_service.pb.h"
#include "service/rpc/request_context.h"

namespace holkas {

// Serves the rpc Inspect: errors as image_service.proto says.
absl::StatusOr<v1::InspectResponse> Inspect(const ServerParts& server,
                                            const RequestContext& context,
                                            const v1::InspectRequest& request);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_INSPECT_H_
