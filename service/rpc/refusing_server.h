#ifndef HOLKAS_SERVICE_RPC_REFUSING_SERVER_H_
#define HOLKAS_SERVICE_RPC_REFUSING_SERVER_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "service/auth/connection_table.h"
#include "service/auth/peer.h"
#include "service/rpc/grpc_server.h"

namespace holkas {

// Serves the connections that are refused for a limit: whatever is called, of any service, ends
// with the reason why (ConnectionTable::RefusalOf), and nothing is read of it. A gRPC server of its
// own, so that no rpc has to ask whether its connection is one of those; it starts with the first
// one.
class RefusingServer final : private grpc::CallbackGenericService {
 public:
  // `connections` must outlive the server. `tls`: of connections over TLS; null: none come.
  RefusingServer(const ConnectionTable& connections, std::shared_ptr<grpc::ServerCredentials> tls)
      : connections_(connections), tls_(std::move(tls)) {}
  // Ends the connections.
  ~RefusingServer() override;

  // Takes over a connected, non-blocking socket, and closes it after some seconds, or when it can
  // do nothing with it. One thread.
  void Serve(int fd, Peer::Kind kind);

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;
  GrpcServer Start();

  const ConnectionTable& connections_;
  const std::shared_ptr<grpc::ServerCredentials> tls_;
  GrpcServer grpc_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_REFUSING_SERVER_H_
