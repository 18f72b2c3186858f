#ifndef HOLKAS_SERVICE_RPC_GRPC_SERVER_H_
#define HOLKAS_SERVICE_RPC_GRPC_SERVER_H_

#include <grpcpp/server.h>

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/rpc/image_service.h"

namespace holkas {

// The bounds of the gRPC server.
struct GrpcServerOptions {
  // How many requests can be in a handler at once. One thread each, beside those that look for new
  // requests and for callers who hang up.
  int max_requests = 192;
  // The longest that a request can take: its connection may not be cut off earlier.
  absl::Duration longest_request = absl::Hours(24);
  // One connection of one trusted process: it is not asked for signs of life, since a stopped
  // command line (^Z) gives none, and does not grow old.
  bool is_private = false;
};

// A running server without any listening socket: connections come by
// grpc::AddInsecureChannelFromFd. Serves `service`, grpc.health.v1.Health and server reflection.
// `service` must outlive it.
// Errors: INTERNAL where gRPC cannot start.
absl::StatusOr<std::unique_ptr<grpc::Server>> StartGrpcServer(ImageService& service,
                                                              const GrpcServerOptions& options);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_GRPC_SERVER_H_
