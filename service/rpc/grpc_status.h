#ifndef HOLKAS_SERVICE_RPC_GRPC_STATUS_H_
#define HOLKAS_SERVICE_RPC_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace holkas {

// The two forms of a status: Abseil's inside, gRPC's at the edge. The codes are the same; reason
// and metadata (proto/wire/error.h) become a google.rpc.ErrorInfo in a google.rpc.Status, as
// clients of gRPC expect error details.

// Message, reason and metadata are cut where they would not fit into the 8 KiB of trailers that
// clients accept, and made valid UTF-8.
grpc::Status ToGrpcStatus(const absl::Status& status);

// For clients and tests. Details that are malformed are left out.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_GRPC_STATUS_H_
