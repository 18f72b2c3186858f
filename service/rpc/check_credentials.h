#ifndef HOLKAS_SERVICE_RPC_CHECK_CREDENTIALS_H_
#define HOLKAS_SERVICE_RPC_CHECK_CREDENTIALS_H_

#include "absl/status/statusor.h"
#include "holkas/v1/image_service.pb.h"
#include "service/rpc/request_context.h"

namespace holkas {

// rpc CheckCredentials. Errors: as in image_service.proto.
absl::StatusOr<v1::CheckCredentialsResponse> CheckCredentials(
    const ServerParts& server, const RequestContext& context,
    const v1::CheckCredentialsRequest& request);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_CHECK_CREDENTIALS_H_
