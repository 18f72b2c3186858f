#include "proto/wire/image_reference.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

const std::string& Hex64() {
  static const auto* hex = new std::string(64, '0');
  return *hex;
}

struct GoodCase {
  std::string text;
  std::string canonical;
};

class GoodReference : public testing::TestWithParam<GoodCase> {};

TEST_P(GoodReference, HasACanonicalTextThatParsesToItself) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference, ImageReference::Parse(GetParam().text));
  EXPECT_EQ(reference.ToString(), GetParam().canonical);
  ASSERT_OK_AND_ASSIGN(ImageReference again, ImageReference::Parse(reference.ToString()));
  EXPECT_EQ(again.ToString(), reference.ToString());
}

INSTANTIATE_TEST_SUITE_P(
    Docker, GoodReference,
    testing::Values(
        GoodCase{"docker://busybox", "docker://docker.io/library/busybox:latest"},
        GoodCase{"docker://busybox:1.36", "docker://docker.io/library/busybox:1.36"},
        GoodCase{"docker://a/b", "docker://docker.io/a/b:latest"},
        GoodCase{"docker://docker.io/x", "docker://docker.io/library/x:latest"},
        GoodCase{"docker://index.docker.io/x/y", "docker://docker.io/x/y:latest"},
        GoodCase{"docker://dOcker.io/x", "docker://docker.io/library/x:latest"},
        GoodCase{"docker://Index.Docker.IO/x", "docker://docker.io/library/x:latest"},
        GoodCase{"docker://LocalHost:5000/x", "docker://localhost:5000/x:latest"},
        GoodCase{"docker://localhost/x", "docker://localhost/x:latest"},
        GoodCase{"docker://localhost:5000", "docker://docker.io/library/localhost:5000"},
        GoodCase{"docker://localhost:5000/x", "docker://localhost:5000/x:latest"},
        GoodCase{"docker://HOST.com/x", "docker://host.com/x:latest"},
        GoodCase{"docker://h:1/x:T_.-9", "docker://h:1/x:T_.-9"},
        GoodCase{"docker://127.0.0.1:5000/a/b/c", "docker://127.0.0.1:5000/a/b/c:latest"},
        GoodCase{"docker://[::1]:5000/x", "docker://[::1]:5000/x:latest"},
        GoodCase{"docker://[fe80::A]/x", "docker://[fe80::a]/x:latest"},
        GoodCase{"docker://h:1/a__b/c---d/e.f_g", "docker://h:1/a__b/c---d/e.f_g:latest"},
        GoodCase{"docker://q.io/a@sha256:" + Hex64(), "docker://q.io/a@sha256:" + Hex64()},
        GoodCase{"docker://a@@unknown-digest@@",
                 "docker://docker.io/library/a@@unknown-digest@@"}));

INSTANTIATE_TEST_SUITE_P(Oci, GoodReference,
                         testing::Values(GoodCase{"oci:/a", "oci:/a"},
                                         GoodCase{"oci:/a:", "oci:/a"},
                                         GoodCase{"oci:a/b:1.0", "oci:a/b:1.0"},
                                         GoodCase{"oci:a:b:c", "oci:a:b:c"},
                                         GoodCase{"oci:a:x/y--z@1+2", "oci:a:x/y--z@1+2"},
                                         GoodCase{"oci:a:@12", "oci:a:@12"}));

INSTANTIATE_TEST_SUITE_P(Dir, GoodReference,
                         testing::Values(GoodCase{"dir:/a:b", "dir:/a:b"},
                                         GoodCase{"dir:a b", "dir:a b"}));

struct BadCase {
  std::string text;
  std::string message;
};

class BadReference : public testing::TestWithParam<BadCase> {};

TEST_P(BadReference, IsInvalidArgumentWithSkopeosText) {
  absl::Status status = ImageReference::Parse(GetParam().text).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
  EXPECT_EQ(ErrorReason(status), "INVALID_REFERENCE");
}

INSTANTIATE_TEST_SUITE_P(
    Transport, BadReference,
    testing::Values(
        BadCase{"", "Invalid image name \"\", expected colon-separated transport:reference"},
        BadCase{"busybox",
                "Invalid image name \"busybox\", expected colon-separated transport:reference"},
        BadCase{"foo:bar", "Invalid image name \"foo:bar\", unknown transport \"foo\""},
        BadCase{" docker://a", "unknown transport \" docker\""},
        BadCase{"DIR:/a", "unknown transport \"DIR\""}, BadCase{":x", "unknown transport \"\""},
        BadCase{"x\n:y", "Invalid image name \"x\\n:y\", unknown transport \"x\\n\""},
        BadCase{std::string(8193, 'a'), "longer than 8192 bytes"}));

INSTANTIATE_TEST_SUITE_P(
    Docker, BadReference,
    testing::Values(
        BadCase{"docker:busybox", "docker: image reference busybox does not start with //"},
        BadCase{"docker://", "invalid reference format"},
        BadCase{"docker:///x", "invalid reference format"},
        BadCase{"docker://a/", "invalid reference format"},
        BadCase{"docker://a//b", "invalid reference format"},
        BadCase{"docker://docker.io/", "invalid reference format"},
        BadCase{"docker://Busybox", "invalid reference format: repository name must be lowercase"},
        BadCase{"docker://A/c", "invalid reference format: repository name must be lowercase"},
        BadCase{"docker://h:1/C", "invalid reference format: repository name must be lowercase"},
        BadCase{"docker://x:", "invalid reference format"},
        BadCase{"docker://x:-a", "invalid reference format"},
        BadCase{"docker://x:a:b", "invalid reference format"},
        BadCase{"docker://h:1/x:" + std::string(129, 'a'), "invalid reference format"},
        BadCase{"docker://h:1/" + std::string(252, 'a'),
                "repository name must not be more than 255 characters"},
        BadCase{"docker://" + Hex64(), "invalid repository name (" + Hex64() +
                                           "), cannot specify 64-byte hexadecimal strings"},
        BadCase{"docker://a:b@sha256:" + Hex64(),
                "Docker references with both a tag and digest are currently not supported"},
        BadCase{"docker://a@sha256:00", "invalid reference format"},
        BadCase{"docker://a@sha256:" + std::string(64, 'A'), "invalid reference format"},
        BadCase{"docker://a@md5:" + std::string(32, '0'), "invalid reference format"},
        BadCase{"docker://a@sha256:" + Hex64() + "@sha256:" + Hex64(), "invalid reference format"},
        BadCase{"docker://a:t@@unknown-digest@@",
                "has unknown digest set but it contains either a tag or digest"}));

INSTANTIATE_TEST_SUITE_P(
    DockerName, BadReference,
    testing::Values(BadCase{"docker://h:1/a.-b", "invalid reference format"},
                    BadCase{"docker://h:1/a___b", "invalid reference format"},
                    BadCase{"docker://h:1/a..b", "invalid reference format"},
                    BadCase{"docker://h:1/_a", "invalid reference format"},
                    BadCase{"docker://h:1/a_", "invalid reference format"},
                    BadCase{"docker://h:1/../x", "invalid reference format"},
                    BadCase{"docker://h:1/a?b", "invalid reference format"},
                    BadCase{"docker://h:1/a%2e", "invalid reference format"},
                    BadCase{std::string("docker://h:1/a\0b", 16), "invalid reference format"},
                    BadCase{"docker://h:1/a\r\nX: y", "invalid reference format"}));

INSTANTIATE_TEST_SUITE_P(DockerHost, BadReference,
                         testing::Values(BadCase{"docker://-a.b/c", "invalid reference format"},
                                         BadCase{"docker://a-.b/c", "invalid reference format"},
                                         BadCase{"docker://.b:1/c", "invalid reference format"},
                                         BadCase{"docker://a_b.com/x", "invalid reference format"},
                                         BadCase{"docker://u@h.com/x", "invalid reference format"},
                                         BadCase{"docker://h:/a", "invalid reference format"},
                                         BadCase{"docker://h:1:2/a", "invalid reference format"},
                                         BadCase{"docker://h:0/a", "port 0 is not between"},
                                         BadCase{"docker://h:70000/a", "port 70000 is not between"},
                                         BadCase{"docker://[::1/a", "invalid reference format"},
                                         BadCase{"docker://[::1]x/a", "invalid reference format"},
                                         BadCase{"docker://[::1]:/a", "invalid reference format"},
                                         BadCase{"docker://[:::::]/a", "invalid reference format"},
                                         BadCase{"docker://[fe80::1%25eth0]/x",
                                                 "invalid reference format"}));

INSTANTIATE_TEST_SUITE_P(
    Files, BadReference,
    testing::Values(
        BadCase{"oci:", "the path is empty"}, BadCase{"oci::tag", "the path is empty"},
        BadCase{"oci:a:b c", "Invalid image b c"}, BadCase{"oci:a:a//b", "Invalid image a//b"},
        BadCase{"oci:a:a---b", "Invalid image a---b"}, BadCase{"oci:a:-a", "Invalid image -a"},
        BadCase{"oci:a:a-", "Invalid image a-"}, BadCase{"oci:a:@", "Invalid source index @"},
        BadCase{"oci:a:@-1", "Invalid source index @-1"},
        BadCase{"oci:a:@x", "Invalid source index @x"},
        BadCase{"oci:a:@ 1", "Invalid source index @ 1"},
        BadCase{"oci:a:@4294967296", "Invalid source index @4294967296"},
        BadCase{std::string("oci:a\0b", 7), "NUL"}, BadCase{"dir:", "the path is empty"},
        BadCase{std::string("dir:a\0b", 7), "NUL"}));

TEST(ImageReference, OtherTransportsOfSkopeoAreUnimplemented) {
  for (const char* text : {"docker-archive:/a", "docker-daemon:a:b", "oci-archive:/a",
                           "containers-storage:a", "sif:a", "tarball:a", "ostree:a", "atomic:a"}) {
    absl::Status status = ImageReference::Parse(text).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented)) << text;
    EXPECT_EQ(ErrorReason(status), "TRANSPORT_UNIMPLEMENTED") << text;
  }
}

TEST(ImageReference, RegistryPartsAreSplit) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference,
                       ImageReference::Parse("docker://[::1]:5000/a/b:c"));
  EXPECT_EQ(reference.transport(), "docker");
  const RegistryReference* registry = reference.registry();
  ASSERT_NE(registry, nullptr);
  EXPECT_EQ(registry->host, "::1");
  EXPECT_EQ(registry->port, 5000);
  EXPECT_EQ(registry->path, "a/b");
  EXPECT_EQ(registry->tag, "c");
  EXPECT_TRUE(registry->tag_given);
  EXPECT_FALSE(registry->digest.has_value());
  EXPECT_EQ(registry->HostPort(), "[::1]:5000");
  EXPECT_EQ(registry->Repository(), "[::1]:5000/a/b");
  EXPECT_EQ(registry->ApiHost(), "::1");
}

TEST(ImageReference, DockerHubIsReachedByAnotherName) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference, ImageReference::Parse("docker://busybox"));
  EXPECT_FALSE(reference.registry()->tag_given);
  EXPECT_EQ(reference.registry()->host, "docker.io");
  EXPECT_EQ(reference.registry()->ApiHost(), "registry-1.docker.io");
}

TEST(ImageReference, DigestStandsInPlaceOfATag) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference,
                       ImageReference::Parse("docker://a@sha256:" + Hex64()));
  EXPECT_EQ(reference.registry()->tag, "");
  EXPECT_EQ(reference.registry()->digest->ToString(), "sha256:" + Hex64());
}

TEST(ImageReference, UnknownDigestHasNeitherTagNorDigest) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference,
                       ImageReference::Parse("docker://h:1/a@@unknown-digest@@"));
  EXPECT_TRUE(reference.registry()->unknown_digest);
  EXPECT_EQ(reference.registry()->tag, "");
  EXPECT_FALSE(reference.registry()->digest.has_value());
}

TEST(ImageReference, OciPathEndsAtTheFirstColon) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference, ImageReference::Parse("oci:/a/b:c:d"));
  EXPECT_EQ(reference.transport(), "oci");
  EXPECT_EQ(reference.oci()->path, "/a/b");
  EXPECT_EQ(reference.oci()->reference, "c:d");
  EXPECT_FALSE(reference.oci()->index.has_value());
}

TEST(ImageReference, OciIndexIsNotAName) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference, ImageReference::Parse("oci:/a:@3"));
  EXPECT_EQ(reference.oci()->index, 3u);
  EXPECT_EQ(reference.oci()->reference, "");
}

}  // namespace
}  // namespace holkas
