#include "service/rpc/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include <limits>

#include "grpc/health/v1/health.pb.h"
#include "holkas/v1/image_service.grpc.pb.h"

namespace holkas {
namespace {

// More than a worker's result (kMaxResultBytes).
constexpr int kMaxSendBytes = 16 << 20;
constexpr size_t kMemoryQuotaBytes = 256 << 20;
// For GetServerInfo, health, reflection and requests about to be refused.
constexpr int kSpareThreads = 64;
constexpr int kPollMilliseconds = 500;

int Milliseconds(absl::Duration duration) {
  const int64_t value = absl::ToInt64Milliseconds(duration);
  constexpr int64_t kMax = std::numeric_limits<int>::max();
  return static_cast<int>(value < kMax ? value : kMax);
}

void AddConnectionBounds(grpc::ServerBuilder& builder, const GrpcServerOptions& options) {
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams_per_connection);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, options.max_metadata_bytes);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             Milliseconds(options.handshake_timeout));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             Milliseconds(absl::Seconds(30)));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
  if (options.is_private) {
    return;
  }
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(absl::Seconds(60)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(absl::Seconds(20)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Milliseconds(absl::Minutes(15)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(absl::Minutes(60)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                             Milliseconds(options.longest_request + absl::Minutes(5)));
}

}  // namespace

void GrpcServer::Serve(int fd, Peer::Kind kind) {
  if (kind != Peer::Kind::kTls) {
    grpc::AddInsecureChannelFromFd(server.get(), fd);
    return;
  }
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.fd = fd;
  tls_connections->HandleNewConnection(&connection);
}

absl::StatusOr<GrpcServer> StartGrpcServer(ImageService& service,
                                           const GrpcServerOptions& options) {
  // Names the descriptor, so that the linker keeps it for reflection.
  if (grpc::health::v1::HealthCheckRequest::descriptor() == nullptr) {
    return absl::InternalError("the health protocol has no descriptor");
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.SetMaxSendMessageSize(kMaxSendBytes);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  AddConnectionBounds(builder, options);

  grpc::ResourceQuota quota("holkasd");
  quota.Resize(kMemoryQuotaBytes);
  quota.SetMaxThreads(options.max_requests + kSpareThreads);
  builder.SetResourceQuota(quota);
  // Shutting down waits, at times, for a poller that sleeps this long.
  builder.SetSyncServerOption(grpc::ServerBuilder::CQ_TIMEOUT_MSEC, kPollMilliseconds);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);

  GrpcServer result;
  if (options.tls != nullptr) {
    result.tls_connections = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, options.tls);
  }
  result.server = builder.BuildAndStart();
  if (result.server == nullptr) {
    return absl::InternalError("gRPC does not start");
  }
  result.server->GetHealthCheckService()->SetServingStatus(v1::ImageService::service_full_name(),
                                                           true);
  return result;
}

}  // namespace holkas
