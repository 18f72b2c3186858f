#include "worker/transports/files/file_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/read_all.h"
#include "worker/broker/fake_broker.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

class FileSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(testing::TempDir(), "/",
                         testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    broker_ = std::make_unique<FakeBroker>(FakeBroker::Directory{FakeBroker::Kind::kDir, path_},
                                           FakeBroker::Directory{});
  }

  void WriteFile(absl::string_view name, const std::string& content) {
    std::ofstream(absl::StrCat(path_, "/", name), std::ios::binary) << content;
  }
  Descriptor WriteBlob(const std::string& content) {
    Digest digest = Digest::Sha256Of(content);
    WriteFile(digest.hex(), content);
    return {"", digest, static_cast<int64_t>(content.size()), {}, {}};
  }
  absl::StatusOr<std::string> ReadManifestJson(int64_t max_bytes) {
    return ReadWholeFile(*broker_, broker::PLACE_SOURCE, broker::FILE_KIND_ROOT, std::nullopt,
                         max_bytes, "manifest.json");
  }

  std::string path_;
  std::unique_ptr<FakeBroker> broker_;
};

TEST_F(FileSourceTest, BlobIsRead) {
  Descriptor blob = WriteBlob(std::string(1000000, 'x'));
  ASSERT_OK_AND_ASSIGN(auto source, OpenBlobFile(*broker_, broker::PLACE_SOURCE, blob));
  ASSERT_OK_AND_ASSIGN(std::string content,
                       ReadAll(std::move(source), blob.digest, blob.size_bytes, blob.size_bytes));
  EXPECT_EQ(content, std::string(1000000, 'x'));
}

TEST_F(FileSourceTest, MissingBlobIsNotFound) {
  Descriptor blob{"", Digest::Sha256Of("x"), 1, {}, {}};
  absl::Status status = OpenBlobFile(*broker_, broker::PLACE_SOURCE, blob).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, HasSubstr(blob.digest.ToString())));
  EXPECT_EQ(ErrorReason(status), "BLOB_UNKNOWN");
}

TEST_F(FileSourceTest, BlobOfAnotherSizeIsDataLoss) {
  for (int64_t difference : {-1, 1}) {
    Descriptor blob = WriteBlob("content");
    blob.size_bytes += difference;
    absl::Status status = OpenBlobFile(*broker_, broker::PLACE_SOURCE, blob).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("got 7 bytes, want ")));
    EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  }
}

TEST_F(FileSourceTest, SizeThatNobodyKnowsIsNotCompared) {
  Descriptor blob = WriteBlob("content");
  blob.size_bytes = -1;
  EXPECT_OK(OpenBlobFile(*broker_, broker::PLACE_SOURCE, blob).status());
}

TEST_F(FileSourceTest, OtherErrorsOfTheBrokerPass) {
  Descriptor blob = WriteBlob("content");
  broker_->set_fault([](absl::string_view) { return absl::UnavailableError("gone"); });
  EXPECT_THAT(OpenBlobFile(*broker_, broker::PLACE_SOURCE, blob),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("gone")));
}

TEST_F(FileSourceTest, WholeFileIsReadUpToItsLimit) {
  WriteFile("manifest.json", "12345");
  EXPECT_THAT(ReadManifestJson(5), IsOkAndHolds("12345"));
  absl::Status status = ReadManifestJson(4).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("read manifest.json: more than 4 bytes")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST_F(FileSourceTest, EmptyFileIsEmpty) {
  WriteFile("manifest.json", "");
  EXPECT_THAT(ReadManifestJson(0), IsOkAndHolds(""));
}

TEST_F(FileSourceTest, FileThatGrowsIsReadUpToItsLimit) {
  std::string path = absl::StrCat(path_, "/growing");
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(write(file.get(), "abc", 3), 3);
  FileSource source(UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  EXPECT_THAT(source.SizeBytes(), IsOkAndHolds(3));
  ASSERT_EQ(write(file.get(), "def", 3), 3);
  EXPECT_THAT(ReadWholeFile(source, 5, "growing"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ReadWholeFile(source, 6, "growing"), IsOkAndHolds("abcdef"));
  EXPECT_THAT(ReadWholeFile(source, 6, "growing"), IsOkAndHolds(""));
}

}  // namespace
}  // namespace holkas
