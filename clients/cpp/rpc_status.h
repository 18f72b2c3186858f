#ifndef HOLKAS_CLIENTS_CPP_RPC_STATUS_H_
#define HOLKAS_CLIENTS_CPP_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace holkas {

// The status of a call with the reason and the metadata of its google.rpc.ErrorInfo, for
// ErrorReason and ErrorMetadata (proto/wire/error.h). Details that cannot be read are left out, and
// so are those of other domains.
absl::Status FromRpcStatus(const grpc::Status& status);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CPP_RPC_STATUS_H_
