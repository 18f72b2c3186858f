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

  absl::Status Publish(uint32_t file_id) override {
    if (times-- <= 0) {
      return FakeBroker::Publish(file_id);
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

TEST_F(OciTest, IndexThatIsTooLargeIsRefused) {
  WriteIndex(R"({"schemaVersion":2,"manifests":[]})" + std::string(16 << 20, ' '));
  EXPECT_THAT(Source(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("16777216")));
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
  std::string index = R"({"schemaVersion":2,"manifests":[],"annotations":{"a":"")";
  index.insert(index.size() - 1, std::string((16 << 20) - index.size() - 10, 'x'));
  WriteIndex(index + "}}");
  ASSERT_OK_AND_ASSIGN(auto to, Destination());
  ASSERT_OK(to->WriteManifest(Image(), /*is_top=*/true));
  EXPECT_THAT(to->Publish(Image()), StatusIs(absl::StatusCode::kResourceExhausted,
                                             "write index.json: it would have more than 16777216 "
                                             "bytes"));
  EXPECT_EQ(broker_->calls("DropFile"), broker_->calls("BeginPublish"));
  EXPECT_EQ(ReadIndex(), index + "}}");
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
