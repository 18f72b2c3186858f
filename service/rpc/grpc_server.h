#ifndef HOLKAS_SERVICE_RPC_GRPC_SERVER_H_
#define HOLKAS_SERVICE_RPC_GRPC_SERVER_H_

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/auth/peer.h"
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
  // Of connections over TLS; null: none come.
  std::shared_ptr<grpc::ServerCredentials> tls = nullptr;
  // How long the handshake of TLS and HTTP/2 may take.
  absl::Duration handshake_timeout = absl::Seconds(10);
  // Of one request; of one connection.
  int max_message_bytes = 2 << 20;
  int max_metadata_bytes = 16 << 10;
  int max_streams_per_connection = 100;
};

// A running server without any listening socket.
struct GrpcServer {
  std::unique_ptr<grpc::Server> server;
  // Null without TLS.
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> tls_connections;

  // Takes over a connected, non-blocking socket.
  void Serve(int fd, Peer::Kind kind);
};

// Serves `service`, grpc.health.v1.Health and server reflection. `service` must outlive the server.
// Errors: INTERNAL where gRPC cannot start.
absl::StatusOr<GrpcServer> StartGrpcServer(ImageService& service, const GrpcServerOptions& options);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_GRPC_SERVER_H_
