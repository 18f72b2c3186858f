#include "service/policy/make_grants.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

ImageReference Ref(const std::string& text) { return ImageReference::Parse(text).value(); }

class MakeGrantsTest : public testing::Test {
 protected:
  MakeGrantsTest() {
    root_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_ + "/open/inner");
    std::filesystem::create_directories(root_ + "/closed");
    std::filesystem::create_directory_symlink(root_ + "/closed", root_ + "/open/escape");
    root_ = std::filesystem::canonical(root_);
    rules_.paths.roots = {root_ + "/open/"};
  }

  absl::StatusOr<Grants> Read(const std::string& image) {
    return MakeGrants(job_, Ref(image), nullptr, rules_, absl::Minutes(5));
  }
  // The path that is granted for reading `dir:path`.
  absl::StatusOr<std::string> Granted(const std::string& path) {
    absl::StatusOr<Grants> grants = Read("dir:" + path);
    if (!grants.ok()) {
      return grants.status();
    }
    return grants->source_path->path;
  }

  std::string root_;
  broker::JobSpec job_;
  AccessRules rules_;
};

TEST_F(MakeGrantsTest, RegistryIsGrantedAtItsPortsAlone) {
  broker::RegistryImage& image = *job_.mutable_source()->mutable_registry();
  image.set_host("docker.io");
  image.set_api_host("registry-1.docker.io");
  ASSERT_OK_AND_ASSIGN(Grants grants, Read("docker://busybox"));
  EXPECT_EQ(grants.source_registry->host, "registry-1.docker.io");
  EXPECT_THAT(grants.source_registry->ports, ElementsAre(443));
  EXPECT_FALSE(grants.source_path.has_value());
  EXPECT_FALSE(grants.destination_registry.has_value());
  EXPECT_EQ(grants.max_run_time, absl::Minutes(5));
  image.set_plain_http_allowed(true);
  ASSERT_OK_AND_ASSIGN(grants, Read("docker://busybox"));
  EXPECT_THAT(grants.source_registry->ports, ElementsAre(443, 80));
  image.set_port(5000);
  ASSERT_OK_AND_ASSIGN(grants, Read("docker://busybox"));
  EXPECT_THAT(grants.source_registry->ports, ElementsAre(5000));
}

// The registry image of a job at `registry`.
broker::RegistryImage ImageAt(const std::string& registry) {
  const RegistryReference reference = *Ref("docker://" + registry + "/x").registry();
  broker::RegistryImage image;
  image.set_host(reference.host);
  image.set_api_host(reference.ApiHost());
  image.set_port(reference.port);
  return image;
}

TEST_F(MakeGrantsTest, RegistriesThatNobodyVouchesForMustBePublic) {
  rules_.registries.insecure = {"10.0.0.1:5000"};
  *job_.mutable_source()->mutable_registry() = ImageAt("example.com");
  ASSERT_OK_AND_ASSIGN(Grants grants, Read("docker://example.com/x"));
  EXPECT_TRUE(grants.source_registry->public_only);
  *job_.mutable_source()->mutable_registry() = ImageAt("10.0.0.1:5000");
  ASSERT_OK_AND_ASSIGN(grants, Read("docker://10.0.0.1:5000/x"));
  EXPECT_FALSE(grants.source_registry->public_only);
}

TEST_F(MakeGrantsTest, HostsThatCannotBePublicAreDeniedAtOnce) {
  const ImageReference destination = Ref("docker://127.0.0.1:5000/x");
  for (const char* registry : {"localhost", "127.0.0.1:5000", "10.0.0.1", "[::1]:80", "0x7f.1",
                               "2130706433:80", "metadata.google.internal"}) {
    *job_.mutable_source()->mutable_registry() = ImageAt(registry);
    const absl::Status status = Read(std::string("docker://") + registry + "/x").status();
    EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied,
                                 HasSubstr(std::string("registry ") + registry)));
    EXPECT_EQ(ErrorReason(status), "ADDRESS_DENIED");
    rules_.registries.any = true;
    EXPECT_OK(Read(std::string("docker://") + registry + "/x")) << registry;
    rules_.registries.any = false;
  }
  *job_.mutable_source()->mutable_registry() = ImageAt("example.com");
  *job_.mutable_destination()->mutable_registry() = ImageAt("127.0.0.1:5000");
  EXPECT_THAT(MakeGrants(job_, Ref("docker://example.com/x"), &destination, rules_, absl::Hours(1)),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr("127.0.0.1:5000")));
}

TEST_F(MakeGrantsTest, TheNamesOfTheCallerAreWhatMustBeAllowed) {
  rules_.registries.allowed = {*RegistryPattern::Parse("example.com")};
  rules_.registries.is_location = [](const std::string& name) { return name == "mirror.test"; };
  const ImageReference destination = Ref("docker://mirror.test/x");
  broker::RegistryImage& image = *job_.mutable_source()->mutable_registry();
  image = ImageAt("mirror.test");
  ASSERT_OK_AND_ASSIGN(Grants grants, Read("docker://example.com/x"));
  EXPECT_EQ(grants.source_registry->host, "mirror.test");
  EXPECT_FALSE(grants.source_registry->public_only);
  EXPECT_THAT(
      Read("docker://mirror.test/x"),
      StatusIs(StatusCode::kPermissionDenied, HasSubstr("registry mirror.test is none of")));
  *job_.mutable_destination()->mutable_registry() = image;
  EXPECT_THAT(
      MakeGrants(job_, Ref("docker://example.com/x"), &destination, rules_, absl::Hours(1)),
      StatusIs(StatusCode::kPermissionDenied, HasSubstr("registry mirror.test is none of")));
}

TEST_F(MakeGrantsTest, MirrorsAreGrantedInTheirOrder) {
  rules_.registries.is_location = [](const std::string& name) { return name == "10.0.0.1:5000"; };
  broker::RegistryImage& image = *job_.mutable_source()->mutable_registry();
  image = ImageAt("example.com");
  *image.add_mirrors() = ImageAt("10.0.0.1:5000");
  *image.add_mirrors() = ImageAt("other.test");
  image.mutable_mirrors(1)->set_plain_http_allowed(true);
  ASSERT_OK_AND_ASSIGN(const Grants grants, Read("docker://example.com/x"));
  ASSERT_EQ(grants.source_mirrors.size(), 2u);
  EXPECT_EQ(grants.source_mirrors[0].host, "10.0.0.1");
  EXPECT_THAT(grants.source_mirrors[0].ports, ElementsAre(5000));
  EXPECT_FALSE(grants.source_mirrors[0].public_only);
  EXPECT_FALSE(grants.source_mirrors[0].plain_http_allowed);
  EXPECT_EQ(grants.source_mirrors[1].host, "other.test");
  EXPECT_TRUE(grants.source_mirrors[1].public_only);
  EXPECT_TRUE(grants.source_mirrors[1].plain_http_allowed);
}

TEST_F(MakeGrantsTest, SourceIsReadAndDestinationWritten) {
  rules_.paths.any = true;
  const ImageReference destination = Ref("oci:/b/layout:tag");
  ASSERT_OK_AND_ASSIGN(Grants grants,
                       MakeGrants(job_, Ref("dir:/a"), &destination, rules_, absl::Hours(1)));
  EXPECT_EQ(grants.source_path->kind, ReadPathGrant::Kind::kDir);
  EXPECT_EQ(grants.source_path->path, "/a");
  EXPECT_EQ(grants.destination_path->kind, ReadPathGrant::Kind::kOci);
  EXPECT_EQ(grants.destination_path->path, "/b/layout");
}

TEST_F(MakeGrantsTest, DeletionFromALayoutOnlyRemoves) {
  rules_.paths.any = true;
  const ImageReference layout = Ref("oci:/b/layout:tag");
  ASSERT_OK_AND_ASSIGN(Grants copy, MakeGrants(job_, layout, &layout, rules_, absl::Hours(1)));
  EXPECT_FALSE(copy.destination_path->only_removes);
  job_.mutable_delete_();
  ASSERT_OK_AND_ASSIGN(Grants grants, MakeGrants(job_, layout, &layout, rules_, absl::Hours(1)));
  EXPECT_EQ(grants.destination_path->path, "/b/layout");
  EXPECT_TRUE(grants.destination_path->only_removes);
}

TEST_F(MakeGrantsTest, ArchivesAreSingleFilesWithRoomForTemporaryOnes) {
  rules_.paths.any = true;
  const ImageReference destination = Ref("docker-archive:/b.tar:tag");
  ASSERT_OK_AND_ASSIGN(
      Grants grants, MakeGrants(job_, Ref("oci-archive:/a"), &destination, rules_, absl::Hours(1)));
  EXPECT_EQ(grants.source_path->kind, ReadPathGrant::Kind::kFile);
  EXPECT_EQ(grants.source_path->path, "/a");
  EXPECT_EQ(grants.destination_path->kind, ReadPathGrant::Kind::kFile);
  EXPECT_EQ(grants.destination_path->path, "/b.tar");
  EXPECT_TRUE(grants.destination_path->must_be_new);
  EXPECT_EQ(grants.spool_directory, "/var/tmp");
  const ImageReference replaced = Ref("oci-archive:/b.tar");
  ASSERT_OK_AND_ASSIGN(grants, MakeGrants(job_, Ref("dir:/a"), &replaced, rules_, absl::Hours(1)));
  EXPECT_FALSE(grants.destination_path->must_be_new);
  ASSERT_OK_AND_ASSIGN(grants, MakeGrants(job_, Ref("dir:/a"), nullptr, rules_, absl::Hours(1)));
  EXPECT_EQ(grants.spool_directory, "");
}

TEST_F(MakeGrantsTest, EachFileOfATarballMustBeAllowed) {
  rules_.paths.any = true;
  ASSERT_OK_AND_ASSIGN(Grants grants,
                       MakeGrants(job_, Ref("tarball:/a:/b:/c"), nullptr, rules_, absl::Hours(1)));
  EXPECT_EQ(grants.source_path->kind, ReadPathGrant::Kind::kFile);
  EXPECT_EQ(grants.source_path->path, "/a");
  EXPECT_THAT(grants.source_path->further_paths, testing::ElementsAre("/b", "/c"));
  EXPECT_FALSE(grants.destination_path.has_value());
  rules_.paths.any = false;
  const std::string open = root_ + "/open/a";
  EXPECT_OK(MakeGrants(job_, Ref("tarball:" + open), nullptr, rules_, absl::Hours(1)));
  for (const std::string& names : {"tarball:" + open + ":/etc/passwd", "tarball:/x:" + open}) {
    EXPECT_THAT(MakeGrants(job_, Ref(names), nullptr, rules_, absl::Hours(1)).status(),
                StatusIs(absl::StatusCode::kPermissionDenied));
  }
}

TEST_F(MakeGrantsTest, FileOfASifIsRead) {
  rules_.paths.any = true;
  ASSERT_OK_AND_ASSIGN(const Grants grants,
                       MakeGrants(job_, Ref("sif:/a:b"), nullptr, rules_, absl::Hours(1)));
  EXPECT_EQ(grants.source_path->kind, ReadPathGrant::Kind::kFile);
  EXPECT_EQ(grants.source_path->path, "/a:b");
  EXPECT_FALSE(grants.destination_path.has_value());
  EXPECT_EQ(grants.spool_directory, "");
  rules_.paths.any = false;
  EXPECT_OK(MakeGrants(job_, Ref("sif:" + root_ + "/open/a"), nullptr, rules_, absl::Hours(1)));
  EXPECT_THAT(MakeGrants(job_, Ref("sif:/a"), nullptr, rules_, absl::Hours(1)).status(),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(MakeGrantsTest, PathsBeneathARootAreGranted) {
  EXPECT_THAT(Granted(root_ + "/open/inner"), IsOkAndHolds(root_ + "/open/inner"));
  EXPECT_THAT(Granted(root_ + "/open/new/image"), IsOkAndHolds(root_ + "/open/new/image"));
  EXPECT_THAT(Granted(root_ + "/open/x/../y"), IsOkAndHolds(root_ + "/open/y"));
}

TEST_F(MakeGrantsTest, PathsThatLeaveTheRootsAreDenied) {
  for (const char* path : {"/closed", "/open/../closed", "/open/escape", "/open/escape/x",
                           "/opened", "/open/none/../../closed"}) {
    const absl::Status status = Granted(root_ + path).status();
    EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied, HasSubstr(path))) << path;
    EXPECT_EQ(ErrorReason(status), "PATH_DENIED");
  }
}

TEST_F(MakeGrantsTest, SharedBlobsMustBeBeneathARootToo) {
  const auto sharing = [this](const std::string& blobs) {
    return ImageReference::Of(
        OciReference{.path = root_ + "/open/layout", .reference = "x", .blob_directory = blobs});
  };
  const ImageReference open = sharing(root_ + "/open/x/../blobs");
  ASSERT_OK_AND_ASSIGN(const Grants grants, MakeGrants(job_, open, &open, rules_, absl::Hours(1)));
  EXPECT_EQ(grants.source_path->blob_directory, root_ + "/open/blobs");
  EXPECT_EQ(grants.destination_path->blob_directory, root_ + "/open/blobs");
  for (const char* path : {"/closed", "/open/escape/blobs", "/open/none/../../closed"}) {
    const ImageReference closed = sharing(root_ + path);
    EXPECT_THAT(MakeGrants(job_, closed, nullptr, rules_, absl::Hours(1)).status(),
                StatusIs(StatusCode::kPermissionDenied, HasSubstr(path)));
    EXPECT_THAT(MakeGrants(job_, open, &closed, rules_, absl::Hours(1)).status(),
                StatusIs(StatusCode::kPermissionDenied, HasSubstr(path)));
  }
}

TEST_F(MakeGrantsTest, WithoutRootsNothingIsGranted) {
  rules_.paths.roots.clear();
  EXPECT_THAT(Granted("/"), StatusIs(StatusCode::kPermissionDenied, HasSubstr("/")));
}

TEST_F(MakeGrantsTest, RelativePathsNeedAWorkingDirectory) {
  rules_.paths.any = true;
  const absl::Status status = Granted("some/where").status();
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("must be absolute")));
  EXPECT_EQ(ErrorReason(status), "INVALID_REFERENCE");
  rules_.paths.working_directory = "/work";
  EXPECT_THAT(Granted("some/where"), IsOkAndHolds("/work/some/where"));
}

TEST_F(MakeGrantsTest, TheDestinationIsJudgedToo) {
  const ImageReference destination = Ref("dir:" + root_ + "/closed");
  EXPECT_THAT(
      MakeGrants(job_, Ref("dir:" + root_ + "/open/inner"), &destination, rules_, absl::Hours(1)),
      StatusIs(StatusCode::kPermissionDenied, HasSubstr("/closed")));
}

}  // namespace
}  // namespace holkas
