#include "clients/cli/archive_name.h"

#include "gtest/gtest.h"

namespace holkas {
namespace {

TEST(ArchiveName, HasAPathAndAnImage) {
  const std::optional<ArchiveName> docker = ParseArchive("docker-archive:/a.tar:app:1");
  ASSERT_TRUE(docker.has_value());
  EXPECT_EQ(docker->path, "/a.tar");
  EXPECT_EQ(docker->image, "app:1");
  EXPECT_EQ(docker->format, holkas::v1::ARCHIVE_FORMAT_DOCKER);
  const std::optional<ArchiveName> oci = ParseArchive("oci-archive:/a.tar");
  ASSERT_TRUE(oci.has_value());
  EXPECT_EQ(oci->path, "/a.tar");
  EXPECT_EQ(oci->image, "");
  EXPECT_EQ(oci->format, holkas::v1::ARCHIVE_FORMAT_OCI);
  EXPECT_FALSE(ParseArchive("oci:/a.tar").has_value());
  EXPECT_TRUE(IsArchive("oci-archive:"));
  EXPECT_FALSE(IsArchive("oci:/a.tar"));
}

TEST(ArchiveName, MayGetAnotherPath) {
  EXPECT_EQ(WithPath("docker-archive:/a.tar:app:1", "/b"), "docker-archive:/b:app:1");
  EXPECT_EQ(WithPath("oci-archive:/a.tar", "/b"), "oci-archive:/b");
}

}  // namespace
}  // namespace holkas
