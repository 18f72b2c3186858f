#include "worker/transports/docker_daemon/archive_upload.h"

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/transports/docker_daemon/scripted_daemon.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

class ArchiveUploadTest : public ScriptedDaemon {
 protected:
  ArchiveUploadTest() {
    Serve([](const ScriptedRequest&) { return ScriptedReply{.body = "{}\n"}; });
    client_ = *NewClient();
  }

  std::unique_ptr<EngineClient> client_;
};

TEST_F(ArchiveUploadTest, MembersFollowEachOther) {
  ArchiveUpload upload(*client_);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<ByteSink> sink, upload.Begin("a", 700));
  ASSERT_OK(sink->Append(std::string(600, 'a')));
  ASSERT_OK(sink->Append(std::string(100, 'b')));
  ASSERT_OK(sink->Finish(Digest::Sha256Of(""), 700));
  sink.reset();
  ASSERT_OK(upload.Add("b", "two"));
  ASSERT_OK(upload.Finish());
  // The modes of the headers are TarWriter's.
  const std::string body = server_->requests().back().body;
  EXPECT_EQ(body.size(), 512u + 1024 + 512 + 512 + 1024);
  EXPECT_EQ(body.substr(512, 700), std::string(600, 'a') + std::string(100, 'b'));
  EXPECT_EQ(body.substr(512 + 1024 + 512, 4), std::string("two\0", 4));
}

TEST_F(ArchiveUploadTest, NothingIsSentWithoutAMember) {
  { ArchiveUpload upload(*client_); }
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(ArchiveUploadTest, MemberOfAnotherSizeIsDataLoss) {
  {
    ArchiveUpload upload(*client_);
    ASSERT_OK_AND_ASSIGN(const auto sink, upload.Begin("a", 3));
    EXPECT_THAT(sink->Append("four"), StatusIs(absl::StatusCode::kDataLoss));
  }
  ArchiveUpload upload(*client_);
  ASSERT_OK_AND_ASSIGN(const auto sink, upload.Begin("a", 3));
  ASSERT_OK(sink->Append("tw"));
  EXPECT_THAT(sink->Finish(Digest::Sha256Of("tw"), 2),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("a member of 3 bytes has 2")));
}

TEST_F(ArchiveUploadTest, AfterAnAbandonedMemberNothingIsLoaded) {
  ArchiveUpload upload(*client_);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<ByteSink> sink, upload.Begin("a", 3));
  ASSERT_OK(sink->Append("on"));
  sink.reset();
  EXPECT_THAT(upload.Begin("b", 1), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(upload.Finish(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ArchiveUploadTest, NextMemberWaitsForTheOneBefore) {
  const std::string first(100'000, '1');
  for (int i = 0; i < 20; ++i) {
    ArchiveUpload upload(*client_);
    ASSERT_OK_AND_ASSIGN(std::unique_ptr<ByteSink> sink, upload.Begin("a", first.size()));
    absl::Notification started;
    absl::Status second;
    std::thread thread([&] {
      started.Notify();
      second = upload.Add("b", "2");
    });
    started.WaitForNotification();
    for (const char byte : first.substr(0, 1000)) {
      ASSERT_OK(sink->Append(absl::string_view(&byte, 1)));
    }
    ASSERT_OK(sink->Append(first.substr(1000)));
    ASSERT_OK(sink->Finish(Digest::Sha256Of(first), first.size()));
    sink.reset();
    thread.join();
    EXPECT_OK(second);
    EXPECT_OK(upload.Finish());
    EXPECT_EQ(server_->requests().back().body.substr(512, first.size()), first);
  }
}

TEST_F(ArchiveUploadTest, DaemonThatRefusesSaysWhy) {
  Serve([](const ScriptedRequest&) {
    return ScriptedReply{.status = 500, .body = R"({"message":"full"})"};
  });
  ArchiveUpload upload(*client_);
  ASSERT_OK(upload.Add("a", "x"));
  EXPECT_THAT(upload.Finish(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("full")));
}

}  // namespace
}  // namespace holkas
