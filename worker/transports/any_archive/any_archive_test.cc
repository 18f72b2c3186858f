#include "worker/transports/any_archive/any_archive.h"

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
#include "worker/archive/tar_header.h"
#include "worker/archive/test_tar.h"
#include "worker/broker/fake_broker.h"
#include "worker/image/manifest.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

constexpr char kManifest[] = R"({"schemaVersion":2,"some":"manifest"})";

// The archives of each kind, without their ends.
std::string DirectoryMembers(absl::string_view white_space = "") {
  return absl::StrCat(TarFileBytes("./version", "Directory Transport Version: 1.1\n"),
                      TarFileBytes("./manifest.json", absl::StrCat(white_space, kManifest)));
}

std::string LayoutMembers() {
  const Digest digest = Digest::Sha256Of(kManifest);
  const std::string index =
      absl::StrCat(R"({"schemaVersion":2,"manifests":[{"mediaType":")", kOciManifestType,
                   R"(","digest":")", digest.ToString(), R"(","size":)", sizeof(kManifest) - 1,
                   R"(,"annotations":{"org.opencontainers.image.ref.name":"app"}}]})");
  return absl::StrCat(TarFileBytes("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"),
                      TarFileBytes("index.json", index),
                      TarFileBytes(absl::StrCat("blobs/sha256/", digest.hex()), kManifest));
}

std::string DockerMembers() {
  return absl::StrCat(
      TarFileBytes("manifest.json",
                   R"([{"Config":"config.json","RepoTags":["some/image:1"],"Layers":[]}])"),
      TarFileBytes("config.json", R"({"os":"linux","rootfs":{"type":"layers","diff_ids":[]}})"));
}

class AnyArchiveTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(testing::TempDir(), "/",
                         testing::UnitTest::GetInstance()->current_test_info()->name(), ".tar");
    broker_ = std::make_unique<FakeBroker>(FakeBroker::Directory{FakeBroker::Kind::kFile, path_},
                                           FakeBroker::Directory{});
    image().mutable_docker();
    image().mutable_oci();
  }

  broker::AnyArchiveImage& image() { return *job_.mutable_source()->mutable_any_archive(); }

  // The type of the manifest of the image in an archive of these members.
  absl::StatusOr<std::string> Read(const std::string& members) {
    std::ofstream(path_, std::ios::binary) << members << TarEnd();
    absl::StatusOr<std::unique_ptr<ImageSource>> source =
        OpenAnyArchiveSource({*broker_, job_}, job_.source());
    if (!source.ok()) {
      return source.status();
    }
    absl::StatusOr<RawManifest> manifest = (*source)->ReadManifest(std::nullopt);
    if (!manifest.ok()) {
      return manifest.status();
    }
    return absl::StrCat(manifest->media_type, manifest->bytes == kManifest ? "+" : "-");
  }

  std::string path_;
  std::unique_ptr<FakeBroker> broker_;
  broker::JobSpec job_;
};

TEST_F(AnyArchiveTest, ADirectoryHasAnObjectAsItsManifest) {
  EXPECT_THAT(Read(DirectoryMembers()), IsOkAndHolds("+"));
  EXPECT_THAT(Read(DirectoryMembers(" \n\t")), IsOkAndHolds("-"));
}

TEST_F(AnyArchiveTest, ALayoutHasAnIndex) {
  EXPECT_THAT(Read(LayoutMembers()), IsOkAndHolds(absl::StrCat(kOciManifestType, "+")));
  image().mutable_oci()->set_reference("app");
  EXPECT_THAT(Read(LayoutMembers()), IsOkAndHolds(absl::StrCat(kOciManifestType, "+")));
  image().mutable_oci()->clear_reference();
  image().mutable_oci()->set_has_index(true);
  EXPECT_THAT(Read(LayoutMembers()), IsOkAndHolds(absl::StrCat(kOciManifestType, "+")));
  image().mutable_oci()->set_index(1);
  EXPECT_FALSE(Read(LayoutMembers()).ok());
}

TEST_F(AnyArchiveTest, DockersArchiveHasAList) {
  EXPECT_THAT(Read(DockerMembers()), IsOkAndHolds(absl::StrCat(kDockerManifestType, "-")));
}

TEST_F(AnyArchiveTest, DockersArchiveMayHaveALayoutBesideIt) {
  EXPECT_THAT(Read(absl::StrCat(LayoutMembers(), DockerMembers())),
              IsOkAndHolds(absl::StrCat(kDockerManifestType, "-")));
}

TEST_F(AnyArchiveTest, ANameThatTheKindCannotHaveIsInvalid) {
  image().clear_docker();
  image().mutable_oci()->set_reference("Upper-Case");
  for (const std::string& members : {DockerMembers(), DirectoryMembers()}) {
    const absl::Status status = Read(members).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name")));
    EXPECT_EQ(ErrorReason(status), "INVALID_REFERENCE");
  }
}

TEST_F(AnyArchiveTest, ANameThatNoLayoutCanHaveIsInvalid) {
  image().mutable_docker()->set_name("docker.io/library/app:1.");
  image().clear_oci();
  for (const std::string& members : {LayoutMembers(), DirectoryMembers()}) {
    EXPECT_EQ(ErrorReason(Read(members).status()), "INVALID_REFERENCE");
  }
}

TEST_F(AnyArchiveTest, WhatHoldsNoImageIsInvalid) {
  for (const std::string& members : {std::string(), TarFileBytes("etc/passwd", "root")}) {
    const absl::Status status = Read(members).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_EQ(ErrorReason(status), "INVALID_ARCHIVE");
  }
}

TEST_F(AnyArchiveTest, AManifestThatIsThereTwiceIsAmbiguous) {
  EXPECT_EQ(ErrorReason(Read(absl::StrCat(DirectoryMembers(), DockerMembers())).status()),
            "INVALID_ARCHIVE");
}

}  // namespace
}  // namespace holkas
