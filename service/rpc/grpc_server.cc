#include "service/rpc/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include <limits>

#include "grpc/health/v1/health.pb.h"
#include "holkas/v1/image_service.grpc.pb.h"

namespace holkas {
namespace {

// Of Import's chunks, with what is around them.
constexpr int kMaxReceiveBytes = (1 << 20) + (1 << 10);
// More than a worker's result (kMaxResultBytes).
constexpr int kMaxSendBytes = 16 << 20;
constexpr int kMaxMetadataBytes = 16 << 10;
constexpr int kMaxStreamsPerConnection = 100;
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
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
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

absl::StatusOr<std::unique_ptr<grpc::Server>> StartGrpcServer(ImageService& service,
                                                              const GrpcServerOptions& options) {
  // Names the descriptor, so that the linker keeps it for reflection.
  if (grpc::health::v1::HealthCheckRequest::descriptor() == nullptr) {
    return absl::InternalError("the health protocol has no descriptor");
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(kMaxReceiveBytes);
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

  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    return absl::InternalError("gRPC does not start");
  }
  server->GetHealthCheckService()->SetServingStatus(v1::ImageService::service_full_name(), true);
  return server;
}

}  // namespace holkas
