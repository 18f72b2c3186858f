#include "service/rpc/refusing_server.h"

#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/error.h"
#include "service/rpc/grpc_status.h"

namespace holkas {
namespace {

// When a client is asked to leave the connection, and how much later it is closed.
constexpr int kAgeMilliseconds = 2000;
constexpr int kGraceMilliseconds = 1000;
constexpr int kMaxStreams = 10;
constexpr int kMaxMetadataBytes = 16 << 10;
constexpr size_t kMemoryQuotaBytes = 32 << 20;

// Keeps the services that every server of the process has, health and reflection, out of this one.
class WithoutServices final : public grpc::HealthCheckServiceServerBuilderOption {
 public:
  WithoutServices() : HealthCheckServiceServerBuilderOption(nullptr) {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
  }
};

class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Refusal(const absl::Status& why) { Finish(ToGrpcStatus(why)); }
  void OnDone() override { delete this; }
};

}  // namespace

RefusingServer::~RefusingServer() {
  if (grpc_.server != nullptr) {
    grpc_.server->Shutdown(std::chrono::system_clock::now());
    grpc_.server->Wait();
  }
}

void RefusingServer::Serve(int fd, Peer::Kind kind) {
  if (grpc_.server == nullptr) {
    grpc_ = Start();
  }
  if (grpc_.server == nullptr) {
    close(fd);
    return;
  }
  grpc_.Serve(fd, kind);
}

grpc::ServerGenericBidiReactor* RefusingServer::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  absl::Status why = connections_.RefusalOf(context->peer());
  if (why.ok()) {
    // Its time is over, and it is about to be closed.
    why = MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                    "accept a connection: too many are open (limits.max_connections, "
                    "limits.max_connections_per_user)");
  }
  return new Refusal(why);
}

GrpcServer RefusingServer::Start() {
  grpc::ServerBuilder builder;
  builder.SetOption(std::make_unique<WithoutServices>());
  builder.RegisterCallbackGenericService(this);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kAgeMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kGraceMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kAgeMilliseconds);
  grpc::ResourceQuota quota("refusing");
  quota.Resize(kMemoryQuotaBytes);
  builder.SetResourceQuota(quota);
  GrpcServer result;
  if (tls_ != nullptr) {
    result.tls_connections = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, tls_);
  }
  result.server = builder.BuildAndStart();
  return result;
}

}  // namespace holkas
