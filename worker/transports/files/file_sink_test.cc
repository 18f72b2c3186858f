#include "worker/transports/files/file_sink.h"

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "worker/broker/fake_broker.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

class FileSinkTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(testing::TempDir(), "/",
                         testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(path_);
    broker_ = std::make_unique<FakeBroker>(FakeBroker::Directory{},
                                           FakeBroker::Directory{FakeBroker::Kind::kDir, path_});
  }

  std::unique_ptr<FileSink> Create() {
    return *FileSink::Create(*broker_, broker::FILE_KIND_BLOB, -1);
  }
  absl::Status Publish() {
    RETURN_IF_ERROR(WriteWholeFile(*broker_, broker::FILE_KIND_ROOT, "{}", Digest::Sha256Of("{}")));
    return broker_->Publish(0, 0);
  }
  std::string ReadFile(absl::string_view name) {
    std::ifstream file(absl::StrCat(path_, "/", name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  std::string path_;
  std::unique_ptr<FakeBroker> broker_;
};

TEST_F(FileSinkTest, WhatIsFinishedIsThereAfterPublish) {
  Digest digest = Digest::Sha256Of("content");
  auto sink = Create();
  EXPECT_TRUE(sink->VerifiesContent());
  ASSERT_OK(sink->Append("con"));
  ASSERT_OK(sink->Append(""));
  ASSERT_OK(sink->Append("tent"));
  ASSERT_OK(sink->Finish(digest, 7));
  ASSERT_OK(Publish());
  EXPECT_EQ(ReadFile(digest.hex()), "content");
  EXPECT_EQ(broker_->calls("DropFile"), 0);
}

TEST_F(FileSinkTest, AnotherDigestOrSizeIsDataLoss) {
  auto sink = Create();
  ASSERT_OK(sink->Append("content"));
  absl::Status status = sink->Finish(Digest::Sha256Of("other"), 7);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr(Digest::Sha256Of("other").ToString())));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  sink = Create();
  ASSERT_OK(sink->Append("content"));
  EXPECT_THAT(sink->Finish(Digest::Sha256Of("content"), 8), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(FileSinkTest, AnAbandonedFileIsDropped) {
  auto sink = Create();
  ASSERT_OK(sink->Append("content"));
  sink.reset();
  EXPECT_EQ(broker_->calls("DropFile"), 1);
  ASSERT_OK(Publish());
  EXPECT_FALSE(std::filesystem::exists(
      absl::StrCat(path_, "/", std::string(Digest::Sha256Of("content").hex()))));
}

TEST_F(FileSinkTest, RefusalToCreateIsPassedOn) {
  broker_->set_fault([](absl::string_view call) {
    return call == "CreateFile"
               ? MakeError(absl::StatusCode::kResourceExhausted, "DISK_FULL", "no space")
               : absl::OkStatus();
  });
  absl::Status status = FileSink::Create(*broker_, broker::FILE_KIND_BLOB, 1).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ErrorReason(status), "DISK_FULL");
}

TEST(WriteAll, FullDiskIsResourceExhausted) {
  UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  if (!full.valid()) {
    GTEST_SKIP() << "there is no /dev/full";
  }
  absl::Status status = WriteAll(full.get(), "x");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ErrorReason(status), "DISK_FULL");
}

}  // namespace
}  // namespace holkas
