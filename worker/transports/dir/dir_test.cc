#include "worker/transports/dir/dir.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/broker/fake_broker.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

class DirTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(testing::TempDir(), "/",
                         testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    broker_ = std::make_unique<FakeBroker>(FakeBroker::Directory{FakeBroker::Kind::kDir, path_},
                                           FakeBroker::Directory{});
    job_.mutable_source()->mutable_dir();
  }

  void WriteFile(absl::string_view name, const std::string& content) {
    std::ofstream(absl::StrCat(path_, "/", name), std::ios::binary) << content;
  }
  absl::StatusOr<std::unique_ptr<ImageSource>> Source() {
    return OpenDirSource({*broker_, job_}, job_.source());
  }

  std::string path_;
  std::unique_ptr<FakeBroker> broker_;
  broker::JobSpec job_;
};

TEST_F(DirTest, ManifestIsWhateverTheFileHolds) {
  WriteFile("manifest.json", "{}");
  ASSERT_OK_AND_ASSIGN(auto source, Source());
  ASSERT_OK_AND_ASSIGN(RawManifest manifest, source->ReadManifest(std::nullopt));
  EXPECT_EQ(manifest.bytes, "{}");
  EXPECT_EQ(manifest.digest, Digest::Sha256Of("{}"));
  EXPECT_EQ(manifest.media_type, "");
}

TEST_F(DirTest, DigestOfASignedManifestIsThatOfItsPayload) {
  // {"formatLength":1,"formatTail":"fQ"}: its payload is `{}`.
  constexpr char kSigned[] = R"({"schemaVersion":1,"signatures":[{"protected":)"
                             R"("eyJmb3JtYXRMZW5ndGgiOjEsImZvcm1hdFRhaWwiOiJmUSJ9"}]})";
  constexpr char kMalformed[] = R"({"schemaVersion":1,"signatures":[{}]})";
  ASSERT_OK_AND_ASSIGN(auto source, Source());
  WriteFile("manifest.json", kSigned);
  ASSERT_OK_AND_ASSIGN(RawManifest manifest, source->ReadManifest(std::nullopt));
  EXPECT_EQ(manifest.bytes, kSigned);
  EXPECT_EQ(manifest.digest, Digest::Sha256Of("{}"));
  WriteFile("manifest.json", kMalformed);
  ASSERT_OK_AND_ASSIGN(manifest, source->ReadManifest(std::nullopt));
  EXPECT_EQ(manifest.digest, Digest::Sha256Of(kMalformed));
}

TEST_F(DirTest, MissingManifestIsNotFound) {
  ASSERT_OK_AND_ASSIGN(auto source, Source());
  absl::Status status = source->ReadManifest(std::nullopt).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound,
                               "open manifest.json: no such file or directory"));
  EXPECT_EQ(ErrorReason(status), "REPOSITORY_UNKNOWN");
}

TEST_F(DirTest, KnownVersionsAreRead) {
  for (const char* version : {"1.0", "1.1", "1.2"}) {
    WriteFile("version", absl::StrCat("Directory Transport Version: ", version, "\n"));
    EXPECT_OK(Source()) << version;
  }
}

TEST_F(DirTest, OtherVersionsAreUnsupported) {
  for (const char* text :
       {"Directory Transport Version: 1.3\n", "Directory Transport Version: 1.1", "\x1b[31m", ""}) {
    WriteFile("version", text);
    absl::Status status = Source().status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                                 HasSubstr("unsupported directory transport version")));
    EXPECT_EQ(ErrorReason(status), "MEDIA_TYPE_UNSUPPORTED");
  }
}

TEST_F(DirTest, ManifestIsReadUpToItsBound) {
  const std::string largest(kMaxManifestBytes, ' ');
  const Digest too_large = Digest::Sha256Of(largest + " ");
  WriteFile("manifest.json", largest);
  WriteFile(absl::StrCat(Digest::Sha256Of(largest).hex(), ".manifest.json"), largest);
  ASSERT_OK_AND_ASSIGN(auto source, Source());
  EXPECT_OK(source->ReadManifest(std::nullopt).status());
  EXPECT_OK(source->ReadManifest(Digest::Sha256Of(largest)).status());
  WriteFile("manifest.json", largest + " ");
  WriteFile(absl::StrCat(too_large.hex(), ".manifest.json"), largest + " ");
  for (const std::optional<Digest>& instance :
       {std::optional<Digest>(), std::optional(too_large)}) {
    const absl::Status status = source->ReadManifest(instance).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                                 HasSubstr("more than 4194304 bytes")));
    EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  }
}

}  // namespace
}  // namespace holkas
