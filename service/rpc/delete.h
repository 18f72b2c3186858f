#ifndef HOLKAS_SERVICE_RPC_DELETE_H_
#define HOLKAS_SERVICE_RPC_DELETE_H_

#include "absl/status/statusor.h"
#include "holkas/v1/image_service.pb.h"
#include "service/rpc/request_context.h"

namespace holkas {

// Serves the rpc Delete: errors as image_service.proto says. A job whose request has an id goes on
// without the caller, as that of Copy.
absl::StatusOr<v1::DeleteResponse> Delete(const ServerParts& server, const RequestContext& context,
                                          const v1::DeleteRequest& request);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_DELETE_H_
