#include "service/rpc/list_tags.h"

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.pb.h"
#include "gtest/gtest.h"
#include "proto/registries/registries_conf.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/jobs/testing/fake_launcher.h"
#include "service/rpc/get_server_info.h"
#include "service/rpc/grpc_server.h"
#include "service/rpc/grpc_status.h"
#include "service/rpc/image_service_fixture.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// What is read of a list of tags, and how it ended.
struct ReadTags {
  std::vector<v1::ListTagsResponse> parts;
  absl::Status status;
};

v1::ListTagsRequest ListOf(const std::string& repository) {
  v1::ListTagsRequest request;
  request.set_repository(repository);
  return request;
}

ReadTags ReadAll(grpc::ClientReaderInterface<v1::ListTagsResponse>& reader) {
  ReadTags read;
  v1::ListTagsResponse part;
  while (reader.Read(&part)) {
    read.parts.push_back(part);
  }
  read.status = FromGrpcStatus(reader.Finish());
  return read;
}

TEST_F(ImageServiceTest, TagsArriveWhileTheJobRunsWithTheirRepository) {
  absl::Notification seen;
  Start([&seen](FakeWorkerSide& worker) {
    worker.Begin();
    worker.SendTags({"b", "a"});
    seen.WaitForNotification();
    worker.SendTags({"c"});
    worker.Finish();
    return CleanExit();
  });
  grpc::ClientContext context;
  const auto reader = stub_->ListTags(&context, ListOf("docker://localhost:5000/x"));
  v1::ListTagsResponse part;
  ASSERT_TRUE(reader->Read(&part));
  EXPECT_EQ(part.repository(), "localhost:5000/x");
  EXPECT_THAT(part.tags(), testing::ElementsAre("b", "a"));
  seen.Notify();
  const ReadTags rest = ReadAll(*reader);
  EXPECT_OK(rest.status);
  ASSERT_EQ(rest.parts.size(), 1u);
  EXPECT_THAT(rest.parts[0].tags(), testing::ElementsAre("c"));
}

TEST_F(ImageServiceTest, ListWithoutTagsTellsItsRepository) {
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.Finish();
    return CleanExit();
  });
  grpc::ClientContext context;
  const ReadTags read = ReadAll(*stub_->ListTags(&context, ListOf("docker://busybox")));
  EXPECT_OK(read.status);
  ASSERT_EQ(read.parts.size(), 1u);
  EXPECT_EQ(read.parts[0].repository(), "docker.io/library/busybox");
  EXPECT_EQ(read.parts[0].tags_size(), 0);
}

TEST_F(ImageServiceTest, FailedListGivesItsTagsAndThenTheError) {
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.SendTags({"a"});
    worker.Finish(MakeError(StatusCode::kResourceExhausted, "LIMIT_EXCEEDED", "too many pages"));
    return CleanExit();
  });
  grpc::ClientContext context;
  const ReadTags read = ReadAll(*stub_->ListTags(&context, ListOf("docker://localhost/x")));
  EXPECT_EQ(read.parts.size(), 1u);
  EXPECT_THAT(read.status, StatusIs(StatusCode::kResourceExhausted, "too many pages"));
}

TEST_F(ImageServiceTest, AReaderOfTagsWhoIsSlowHoldsTheWorkerBackAndMissesNothing) {
  // Together much more than gRPC's windows, the queue and the sockets hold.
  constexpr int kParts = 400;
  const std::vector<std::string> tags(1000, std::string(32, 'x'));
  std::atomic<int> sent = 0;
  Start([&](FakeWorkerSide& worker) {
    worker.Begin();
    for (; sent < kParts; ++sent) {
      worker.SendTags(tags);
    }
    worker.Finish();
    return CleanExit();
  });
  grpc::ClientContext context;
  const auto reader = stub_->ListTags(&context, ListOf("docker://localhost/x"));
  v1::ListTagsResponse part;
  ASSERT_TRUE(reader->Read(&part));
  // The worker comes to a stop: no progress for some of the session's ticks.
  int before = -1;
  absl::Notification never;
  while (before != sent) {
    before = sent;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(300));
  }
  EXPECT_LT(before, kParts);
  const ReadTags rest = ReadAll(*reader);
  EXPECT_OK(rest.status);
  EXPECT_EQ(rest.parts.size(), kParts - 1u);
}

TEST_F(ImageServiceTest, AReaderOfTagsWhoDoesNotReadIsCutOff) {
  timeouts_.reader_pause = absl::Milliseconds(100);
  const std::vector<std::string> tags(1000, std::string(32, 'x'));
  absl::Notification gone;
  Start([&](FakeWorkerSide& worker) {
    worker.Begin();
    for (int i = 0; i < 400; ++i) {
      worker.SendTags(tags);  // fails once the session is over
    }
    worker.AwaitEnd();
    gone.Notify();
    return CleanExit();
  });
  grpc::ClientContext context;
  const auto reader = stub_->ListTags(&context, ListOf("docker://localhost/x"));
  gone.WaitForNotification();
  const ReadTags read = ReadAll(*reader);
  EXPECT_THAT(read.status,
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("reads nothing for more than")));
  EXPECT_EQ(ErrorReason(read.status), "LIMIT_EXCEEDED");
  EXPECT_LT(read.parts.size(), 400u);
}

TEST_F(ImageServiceTest, AReaderOfTagsWhoHangsUpEndsTheWorker) {
  absl::Notification gone;
  Start([&gone](FakeWorkerSide& worker) {
    worker.Begin();
    worker.SendTags({"a"});
    worker.AwaitEnd();
    gone.Notify();
    return CleanExit();
  });
  grpc::ClientContext context;
  const auto reader = stub_->ListTags(&context, ListOf("docker://localhost/x"));
  v1::ListTagsResponse part;
  ASSERT_TRUE(reader->Read(&part));
  context.TryCancel();
  gone.WaitForNotification();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ImageServiceTest, DeletionsAndListsHaveTheTimeoutOfInspections) {
  timeouts_.inspect = absl::Milliseconds(50);
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.AwaitEnd();
    return CleanExit();
  });
  v1::DeleteRequest request;
  request.set_image("docker://localhost/x");
  v1::DeleteResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(stub_->Delete(&context, request, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  grpc::ClientContext again;
  EXPECT_THAT(ReadAll(*stub_->ListTags(&again, ListOf("docker://localhost/x"))).status,
              StatusIs(StatusCode::kDeadlineExceeded));
}

}  // namespace
}  // namespace holkas
