#include "worker/transports/oci/oci.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/broker/fake_broker.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Finds the layout changed by somebody else when it is published, `times` times.
class ChangingBroker : public FakeBroker {
 public:
  ChangingBroker(const Directory& directory, std::function<void()> change)
      : FakeBroker(directory, directory), change_(std::move(change)) {}

  absl::Status Publish(uint32_t file_id, int64_t size_bytes) override {
    if (times-- <= 0) {
      return FakeBroker::Publish(file_id, size_bytes);
    }
    RETURN_IF_ERROR(DropFile(file_id));
    change_();
    return absl::AbortedError("somebody else changed the layout");
  }

  int times = 0;

 private:
  const std::function<void()> change_;
};

class OciTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(testing::TempDir(), "/",
                         testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(path_);
    FakeBroker::Directory directory{FakeBroker::Kind::kOci, path_};
    broker_ = std::make_unique<ChangingBroker>(directory, [this] { WriteIndex(OtherIndex()); });
    job_.mutable_source()->mutable_oci()->set_reference("t");
    *job_.mutable_destination() = job_.source();
  }

  void WriteIndex(const std::string& text) {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ + "/oci-layout") << R"({"imageLayoutVersion": "1.0.0"})";
    std::ofstream(path_ + "/index.json") << text;
  }
  std::string ReadIndex() {
    std::ifstream file(path_ + "/index.json", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  absl::StatusOr<std::unique_ptr<ImageSource>> Source() {
    return OpenOciSource({*broker_, job_}, job_.source());
  }
  absl::StatusOr<std::unique_ptr<ImageDestination>> Destination() {
    return OpenOciDestination({*broker_, job_}, job_.destination());
  }
  // An index with an image of somebody else's.
  static std::string OtherIndex() {
    return absl::StrCat(
        R"({"schemaVersion":2,"manifests":[{"mediaType":")", kOciManifestType, R"(","digest":")",
        Digest::Sha256Of("x").ToString(),
        R"(","size":1,"annotations":{"org.opencontainers.image.ref.name":"other"}}]})");
  }

  static Manifest Image() {
    std::string bytes = absl::StrCat(
        R"({"schemaVersion":2,"config":{"mediaType":")", kOciConfigType, R"(","digest":")",
        Digest::Sha256Of("{}").ToString(), R"(","size":2},"layers":[]})");
    return *Manifest::Parse({bytes, Digest::Sha256Of(bytes), std::string(kOciManifestType)});
  }

  std::string path_;
  std::unique_ptr<ChangingBroker> broker_;
  broker::JobSpec job_;
};

TEST_F(OciTest, MissingLayoutIsNotFound) {
  absl::Status status = Source().status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kNotFound, "open index.json: no such file or directory"));
  EXPECT_EQ(ErrorReason(status), "REPOSITORY_UNKNOWN");
}

TEST_F(OciTest, IndexIsReadUpToItsBound) {
  std::string index = OtherIndex();
  index.append((16 << 20) - index.size(), ' ');
  job_.mutable_source()->mutable_oci()->set_reference("other");
  WriteIndex(index);
  EXPECT_OK(Source().status());
  WriteIndex(index + " ");
  const absl::Status status = Source().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("more than 16777216 bytes")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST_F(OciTest, ManifestIsReadUpToItsBound) {
  const auto read = [this](const std::string& manifest) {
    const Digest digest = Digest::Sha256Of(manifest);
    WriteIndex(absl::StrCat(R"({"schemaVersion":2,"manifests":[{"mediaType":")", kOciManifestType,
                            R"(","digest":")", digest.ToString(), R"(","size":)", manifest.size(),
                            R"(,"annotations":{"org.opencontainers.image.ref.name":"t"}}]})"));
    std::filesystem::create_directories(path_ + "/blobs/sha256");
    std::ofstream(absl::StrCat(path_, "/blobs/sha256/", digest.hex())) << manifest;
    return (*Source())->ReadManifest(std::nullopt).status();
  };
  const std::string largest(kMaxManifestBytes, ' ');
  EXPECT_OK(read(largest));
  const absl::Status status = read(largest + " ");
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("more than 4194304 bytes")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST_F(OciTest, ManifestOfAnotherSizeThanTheIndexSaysIsDataLoss) {
  Manifest image = Image();
  WriteIndex(absl::StrCat(R"({"schemaVersion":2,"manifests":[{"mediaType":")", kOciManifestType,
                          R"(","digest":")", image.digest().ToString(), R"(","size":1,)",
                          R"("annotations":{"org.opencontainers.image.ref.name":"t"}}]})"));
  std::filesystem::create_directories(path_ + "/blobs/sha256");
  std::ofstream(absl::StrCat(path_, "/blobs/sha256/", image.digest().hex())) << image.bytes();
  ASSERT_OK_AND_ASSIGN(auto source, Source());
  EXPECT_THAT(source->ReadManifest(std::nullopt),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("want 1")));
}

TEST_F(OciTest, DestinationByPositionIsRefused) {
  job_.mutable_destination()->mutable_oci()->set_has_index(true);
  absl::Status status = Destination().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               "Destination reference must not contain a manifest index @0"));
  EXPECT_EQ(ErrorReason(status), "INVALID_REFERENCE");
}

TEST_F(OciTest, PublishMergesAgainWhenTheLayoutChanged) {
  broker_->times = 19;
  ASSERT_OK_AND_ASSIGN(auto to, Destination());
  ASSERT_OK(to->WriteManifest(Image(), /*is_top=*/true));
  ASSERT_OK(to->Publish(Image()));
  EXPECT_EQ(broker_->calls("BeginPublish"), 20);
  EXPECT_THAT(ReadIndex(), HasSubstr(R"("org.opencontainers.image.ref.name":"other")"));
  EXPECT_THAT(ReadIndex(), HasSubstr(R"("org.opencontainers.image.ref.name":"t")"));
}

TEST_F(OciTest, PublishGivesUpInTheEnd) {
  broker_->times = 20;
  ASSERT_OK_AND_ASSIGN(auto to, Destination());
  ASSERT_OK(to->WriteManifest(Image(), /*is_top=*/true));
  EXPECT_THAT(to->Publish(Image()), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(broker_->calls("BeginPublish"), 20);
  EXPECT_EQ(ReadIndex(), OtherIndex());
}

TEST_F(OciTest, IndexThatCannotBeMergedStaysAndTheLockIsGivenBack) {
  WriteIndex("not an index");
  ASSERT_OK_AND_ASSIGN(auto to, Destination());
  ASSERT_OK(to->WriteManifest(Image(), /*is_top=*/true));
  absl::Status status = to->Publish(Image());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("write index.json: parse index.json")));
  EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST");
  EXPECT_EQ(broker_->calls("DropFile"), broker_->calls("BeginPublish"));
  EXPECT_EQ(ReadIndex(), "not an index");
}

TEST_F(OciTest, IndexThatNobodyCouldReadIsNotWritten) {
  const auto index_of = [](size_t bytes) {
    const std::string begin = R"({"schemaVersion":2,"manifests":[],"annotations":{"a":")";
    return absl::StrCat(begin, std::string(bytes - begin.size() - 3, 'x'), R"("}})");
  };
  const auto publish = [this](const std::string& index) -> absl::Status {
    WriteIndex(index);
    broker_ = std::make_unique<ChangingBroker>(FakeBroker::Directory{FakeBroker::Kind::kOci, path_},
                                               [] {});
    ASSIGN_OR_RETURN(const auto to, Destination());
    RETURN_IF_ERROR(to->WriteManifest(Image(), /*is_top=*/true));
    return to->Publish(Image());
  };
  constexpr size_t kMaxBytes = 16 << 20;
  ASSERT_OK(publish(index_of(1000)));
  const size_t entry_bytes = ReadIndex().size() - 1000;
  ASSERT_OK(publish(index_of(kMaxBytes - entry_bytes)));
  EXPECT_EQ(ReadIndex().size(), kMaxBytes);
  const std::string index = index_of(kMaxBytes - entry_bytes + 1);
  EXPECT_THAT(publish(index), StatusIs(absl::StatusCode::kResourceExhausted,
                                       "write index.json: it would have more than 16777216 "
                                       "bytes"));
  EXPECT_EQ(broker_->calls("DropFile"), broker_->calls("BeginPublish"));
  EXPECT_EQ(ReadIndex(), index);
}

TEST_F(OciTest, IndexThatSomebodyIsWritingIsReadAgain) {
  WriteIndex("");
  std::thread other([this] {
    absl::SleepFor(absl::Milliseconds(60));
    WriteIndex(OtherIndex());
  });
  ASSERT_OK_AND_ASSIGN(auto to, Destination());
  ASSERT_OK(to->WriteManifest(Image(), /*is_top=*/true));
  absl::Status status = to->Publish(Image());
  other.join();
  ASSERT_OK(status);
  EXPECT_THAT(ReadIndex(), HasSubstr(R"("org.opencontainers.image.ref.name":"other")"));
  EXPECT_THAT(ReadIndex(), HasSubstr(R"("org.opencontainers.image.ref.name":"t")"));
}

TEST_F(OciTest, OtherImagesOfTheLayoutStay) {
  WriteIndex(OtherIndex());
  ASSERT_OK_AND_ASSIGN(auto to, Destination());
  ASSERT_OK(to->WriteManifest(Image(), /*is_top=*/true));
  ASSERT_OK(to->Publish(Image()));
  std::string other = OtherIndex();
  other.resize(other.size() - 2);
  EXPECT_THAT(ReadIndex(), StartsWith(other + ","));
  EXPECT_THAT(ReadIndex(), HasSubstr(Image().digest().ToString()));
}

}  // namespace
}  // namespace holkas
