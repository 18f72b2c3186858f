#include "service/rpc/refusing_server.h"

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/impl/client_unary_call.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.pb.h"
#include "gtest/gtest.h"
#include "holkas/v1/image_service.grpc.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "service/rpc/grpc_status.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

class RefusingServerTest : public testing::Test {
 protected:
  // A client on a connection that the table refuses, after one that it does not.
  std::shared_ptr<grpc::Channel> Connect() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    const Peer peer = PeerOf(ends[0], Peer::Kind::kUnix).value();
    EXPECT_OK(connections_.Add(peer).status());
    id_ = connections_.AddRefused(peer, connections_.Add(peer).status()).value();
    connections_.SetDescriptor(id_, ends[0]);
    server_.Serve(ends[0], Peer::Kind::kUnix);
    return grpc::CreateInsecureChannelFromFd("holkas", ends[1]);
  }

  ConnectionTable connections_{1, 1};
  uint64_t id_ = 0;
  RefusingServer server_{connections_, nullptr};
};

void ExpectRefused(const grpc::Status& status) {
  EXPECT_THAT(FromGrpcStatus(status), StatusIs(absl::StatusCode::kResourceExhausted,
                                               HasSubstr("1 are open (limits.max_connections)")));
  EXPECT_EQ(ErrorReason(FromGrpcStatus(status)), "LIMIT_EXCEEDED");
}

TEST_F(RefusingServerTest, TellsWhyWhateverIsCalled) {
  const std::shared_ptr<grpc::Channel> channel = Connect();
  const std::unique_ptr<v1::ImageService::Stub> images = v1::ImageService::NewStub(channel);
  {
    grpc::ClientContext context;
    v1::InspectResponse response;
    ExpectRefused(images->Inspect(&context, v1::InspectRequest(), &response));
  }
  {
    grpc::ClientContext context;
    const auto stream = images->Import(&context);
    v1::ImportRequest request;
    request.set_chunk(std::string(100000, 'x'));
    while (stream->Write(request)) {
    }
    ExpectRefused(stream->Finish());
  }
  {
    grpc::ClientContext context;
    const grpc::internal::RpcMethod check("/grpc.health.v1.Health/Check",
                                          grpc::internal::RpcMethod::NORMAL_RPC, channel);
    grpc::health::v1::HealthCheckRequest request;
    grpc::health::v1::HealthCheckResponse response;
    ExpectRefused(
        grpc::internal::BlockingUnaryCall(channel.get(), check, &context, request, &response));
  }
}

TEST_F(RefusingServerTest, WhoseTimeIsOverIsToldOfTheLimitsThatThereAre) {
  const std::unique_ptr<v1::ImageService::Stub> images = v1::ImageService::NewStub(Connect());
  connections_.Remove(id_);
  grpc::ClientContext context;
  v1::InspectResponse response;
  EXPECT_THAT(FromGrpcStatus(images->Inspect(&context, v1::InspectRequest(), &response)),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("limits.max_connections, limits.max_connections_per_user")));
}

TEST_F(RefusingServerTest, ClosesTheConnectionSoon) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd client(ends[1]);
  ASSERT_EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  server_.Serve(ends[0], Peer::Kind::kUnix);
  // A client that has begun to speak HTTP/2, and takes no notice of what it is told.
  const absl::string_view begin("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  ASSERT_EQ(write(client.get(), begin.data(), begin.size()), 33);
  const absl::Time start = absl::Now();
  char buffer[1024];
  while (read(client.get(), buffer, sizeof buffer) > 0) {
  }
  EXPECT_GT(absl::Now() - start, absl::Seconds(1)) << "there is time to be told";
  EXPECT_LT(absl::Now() - start, absl::Seconds(60));
}

}  // namespace
}  // namespace holkas
