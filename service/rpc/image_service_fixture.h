#ifndef HOLKAS_SERVICE_RPC_IMAGE_SERVICE_FIXTURE_H_
#define HOLKAS_SERVICE_RPC_IMAGE_SERVICE_FIXTURE_H_

#include <grpcpp/create_channel_posix.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "service/jobs/testing/fake_launcher.h"
#include "service/rpc/get_server_info.h"
#include "service/rpc/grpc_server.h"
#include "service/rpc/grpc_status.h"
#include "service/rpc/image_service.h"
#include "service/spool/spool_quota.h"

namespace holkas {

// A real gRPC server with a fake worker behind it, and a client on a socket pair.
class ImageServiceTest : public testing::Test {
 protected:
  void Start(FakeLauncher::Script script, Peer::Kind kind = Peer::Kind::kPrivate) {
    launcher_ = std::make_unique<FakeLauncher>(std::move(script));
    runner_ = std::make_unique<JobRunner>(*launcher_, logger_, authorization_,
                                          JobRunner::Limits{.concurrent = 4, .queued = 4});
    operations_ = std::make_unique<OperationRunner>(
        RequestHash::Create().value(), operation_limits_,
        [this] { return absl::Now() + absl::Seconds(seconds_later_.load()); });
    LocalPathSettings paths;
    paths.working_directory = "/work";
    RegistryRules rules;
    rules.any = true;
    parts_ =
        std::make_unique<ServerParts>(ServerParts{runner_.get(),
                                                  operations_.get(),
                                                  {},
                                                  paths,
                                                  rules,
                                                  {},
                                                  timeouts_,
                                                  MakeServerInfo(v1::SANDBOX_TIER_FULL, 6, 4)});
    parts_->spool_quota = &spool_quota_;
    parts_->spool_directory = testing::TempDir();
    service_ = std::make_unique<ImageService>(*parts_, connections_, authenticator_,
                                              max_calls_per_caller_);
    server_ = StartGrpcServer(*service_, {}).value().server;
    stub_ = v1::ImageService::NewStub(Connect(kind));
  }

  std::shared_ptr<grpc::Channel> Connect(Peer::Kind kind) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    Peer peer = PeerOf(ends[0], Peer::Kind::kUnix).value();
    peer.kind = kind;
    connections_.SetDescriptor(connections_.Add(peer).value(), ends[0]);
    grpc::AddInsecureChannelFromFd(server_.get(), ends[0]);
    return grpc::CreateInsecureChannelFromFd("holkas", ends[1]);
  }

  void TearDown() override {
    stub_.reset();
    if (server_ != nullptr) {
      server_->Shutdown(std::chrono::system_clock::now());
      server_->Wait();
    }
    operations_.reset();
  }

  absl::StatusOr<v1::InspectResponse> Inspect(const std::string& image) {
    grpc::ClientContext context;
    v1::InspectRequest request;
    v1::InspectResponse response;
    request.set_image(image);
    const absl::Status status = FromGrpcStatus(stub_->Inspect(&context, request, &response));
    if (!status.ok()) {
      return status;
    }
    return response;
  }

  Logger logger_{LogLevel::kOff, LogFormat::kJson, -1};
  Timeouts timeouts_;
  SpoolQuota spool_quota_{
      {.archive_bytes = 4 << 20, .spooled_bytes = 6 << 20, .caller_bytes = 6 << 20}};
  ConnectionTable connections_{100, 100};
  Authenticator authenticator_{nullptr, true};
  int max_calls_per_caller_ = 100;
  std::unique_ptr<FakeLauncher> launcher_;
  AuthorizationResources authorization_;
  std::unique_ptr<JobRunner> runner_;
  OperationRunner::Limits operation_limits_;
  // How far ahead the clock of the operations is.
  std::atomic<int> seconds_later_ = 0;
  std::unique_ptr<OperationRunner> operations_;
  std::unique_ptr<ServerParts> parts_;
  std::unique_ptr<ImageService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ImageService::Stub> stub_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_IMAGE_SERVICE_FIXTURE_H_
