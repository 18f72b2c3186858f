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

INSTANTIATE_TEST_SUITE_P(
    Storage, GoodReference,
    testing::Values(
        GoodCase{"containers-storage:busybox",
                 "containers-storage:docker.io/library/busybox:latest"},
        GoodCase{"containers-storage:localhost/a:1", "containers-storage:localhost/a:1"},
        GoodCase{"containers-storage:a:t@sha256:" + Hex64(),
                 "containers-storage:docker.io/library/a:t@sha256:" + Hex64()},
        GoodCase{"containers-storage:a@sha256:" + Hex64(),
                 "containers-storage:docker.io/library/a@sha256:" + Hex64()},
        GoodCase{"containers-storage:@" + Hex64(), "containers-storage:@" + Hex64()},
        GoodCase{"containers-storage:@abc", "containers-storage:@abc"},
        GoodCase{"containers-storage:a@" + Hex64(),
                 "containers-storage:docker.io/library/a:latest@" + Hex64()},
        GoodCase{"containers-storage:a@sha256:" + Hex64() + "@" + Hex64(),
                 "containers-storage:docker.io/library/a@sha256:" + Hex64() + "@" + Hex64()},
        GoodCase{"containers-storage:[vfs@/g+/r]localhost:5000/a/b:v",
                 "containers-storage:[vfs@/g+/r]localhost:5000/a/b:v"},
        GoodCase{"containers-storage:[/g]x:1", "containers-storage:[/g]docker.io/library/x:1"},
        GoodCase{"containers-storage:[overlay@/g+]x:1",
                 "containers-storage:[overlay@/g]docker.io/library/x:1"},
        GoodCase{"containers-storage:[overlay@+/r]x:1",
                 "containers-storage:[overlay@+/r]docker.io/library/x:1"},
        GoodCase{"containers-storage:[overlay@/g+/r:a=b,c:d]x:1",
                 "containers-storage:[overlay@/g+/r:a=b,c:d]docker.io/library/x:1"},
        GoodCase{"containers-storage:[vfs@/g:]x:1",
                 "containers-storage:[vfs@/g:]docker.io/library/x:1"},
        GoodCase{"containers-storage:[vfs@/g@h+/r]@abc", "containers-storage:[vfs@/g@h+/r]@abc"}));

INSTANTIATE_TEST_SUITE_P(Tarball, GoodReference,
                         testing::Values(GoodCase{"tarball:-", "tarball:-"},
                                         GoodCase{"tarball:/a b:c", "tarball:/a b:c"}));

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
        BadCase{"ostree:x@/repo", "The transport \"ostree:\" is not supported in this build"},
        BadCase{"atomic:x", "Invalid image name \"atomic:x\", unknown transport \"atomic\""},
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

INSTANTIATE_TEST_SUITE_P(
    Storage, BadReference,
    testing::Values(
        BadCase{"containers-storage:", "\"\" is an empty reference: invalid reference"},
        BadCase{"containers-storage:[vfs@/g+/r]", "\"\" is an empty reference: invalid reference"},
        BadCase{"containers-storage:[", "invalid reference"},
        BadCase{"containers-storage:[]x", "invalid reference"},
        BadCase{"containers-storage:[@]x", "invalid reference"},
        BadCase{"containers-storage:[vfs@]x", "invalid reference"},
        BadCase{"containers-storage:[@/g]x", "invalid reference"},
        BadCase{"containers-storage:[vfs@g+/r]x", "path name is not absolute"},
        BadCase{"containers-storage:[vfs@/g+r]x", "path name is not absolute"},
        BadCase{"containers-storage:[overlay]x", "path name is not absolute"},
        BadCase{std::string("containers-storage:[/g\0]x", 25), "NUL"},
        BadCase{"containers-storage:[vfs@:a=b]x",
                "no storage runroot or graphroot specified: missing necessary StoreOptions"},
        BadCase{"containers-storage:[+]x", "no storage runroot or graphroot specified"},
        BadCase{"containers-storage:X",
                "parsing named reference \"X\": invalid reference format: repository name must be "
                "lowercase"},
        BadCase{"containers-storage:x y",
                "parsing named reference \"x y\": invalid reference format"},
        BadCase{"containers-storage:x:",
                "parsing named reference \"x:\": invalid reference format"},
        BadCase{"containers-storage:/x",
                "parsing named reference \"/x\": invalid reference format"},
        BadCase{"containers-storage:" + Hex64(),
                "parsing named reference \"" + Hex64() + "\": invalid repository name (" + Hex64() +
                    "), cannot specify 64-byte hexadecimal strings"},
        BadCase{"containers-storage:@sha256:" + Hex64(),
                "parsing named reference \"@sha256:" + Hex64() + "\": invalid reference format"},
        BadCase{"containers-storage:x@",
                "empty trailing digest or ID in \"x@\": invalid reference"},
        BadCase{"containers-storage:@", "empty trailing digest or ID in \"@\": invalid reference"},
        BadCase{"containers-storage:x@sha256:12",
                "\"sha256:12\" does not look like an image ID or digest: invalid reference"},
        BadCase{"containers-storage:x@ABC",
                "\"ABC\" does not look like an image ID or digest: invalid reference"},
        BadCase{"containers-storage:@ab",
                "\"ab\" does not look like an image ID or digest: invalid reference"},
        BadCase{"containers-storage:@0" + Hex64(),
                "does not look like an image ID or digest: invalid reference"},
        BadCase{"containers-storage:x@abc@" + Hex64(),
                "parsing named reference \"x@abc\": invalid reference format"}));

// The texts of Skopeo 1.9.3.
INSTANTIATE_TEST_SUITE_P(
    Archives, BadReference,
    testing::Values(
        BadCase{"docker-archive:",
                "docker-archive reference  isn't of the form <path>[:<reference>]"},
        BadCase{"docker-archive::a", "the path is empty"},
        BadCase{"docker-archive:x:", "docker-archive parsing reference: invalid reference format"},
        BadCase{"docker-archive:x:@-1", "Invalid source index @-1: must not be negative"},
        BadCase{"docker-archive:x:@a",
                "Invalid source index @a: strconv.Atoi: parsing \"a\": invalid syntax"},
        BadCase{"docker-archive:x:@",
                "Invalid source index @: strconv.Atoi: parsing \"\": invalid syntax"},
        BadCase{"docker-archive:x:@99999999999999999999",
                "Invalid source index @99999999999999999999: strconv.Atoi: parsing "
                "\"99999999999999999999\": value out of range"},
        BadCase{"docker-archive:x:busybox@sha256:" + Hex64(),
                "reference does not include a tag: docker.io/library/busybox@sha256:" + Hex64()},
        BadCase{"docker-archive:x:busybox:t@sha256:" + Hex64(),
                "docker-archive doesn't support digest references: docker.io/library/busybox:t@"},
        BadCase{"docker-archive:x:UPPER",
                "docker-archive parsing reference: invalid reference format: repository name must "
                "be lowercase"},
        BadCase{"docker-archive:x:a:b:c",
                "docker-archive parsing reference: invalid reference format"},
        BadCase{"oci-archive:", "the path is empty"},
        BadCase{"oci-archive:x:@1", "Invalid image @1"},
        BadCase{"oci-archive:x:a b", "Invalid image a b"}));

TEST(ImageReference, ArchivesAreSplitAtTheFirstColon) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference,
                       ImageReference::Parse("docker-archive:/a.tar:busybox"));
  EXPECT_EQ(reference.transport(), "docker-archive");
  EXPECT_EQ(reference.docker_archive()->path, "/a.tar");
  EXPECT_EQ(reference.docker_archive()->name->Name(), "docker.io/library/busybox:latest");
  EXPECT_EQ(reference.ToString(), "docker-archive:/a.tar:docker.io/library/busybox:latest");
  ASSERT_OK_AND_ASSIGN(reference, ImageReference::Parse("docker-archive:a:@3"));
  EXPECT_EQ(reference.docker_archive()->index, 3u);
  EXPECT_FALSE(reference.docker_archive()->name.has_value());
  ASSERT_OK_AND_ASSIGN(reference, ImageReference::Parse("oci-archive:/a:b:c"));
  EXPECT_EQ(reference.transport(), "oci-archive");
  EXPECT_EQ(reference.oci_archive()->path, "/a");
  EXPECT_EQ(reference.oci_archive()->reference, "b:c");
}

TEST(ParseAdditionalTag, WantsATag) {
  ASSERT_OK_AND_ASSIGN(const RegistryReference name, ParseAdditionalTag("q.io/a/foo:1"));
  EXPECT_EQ(name.Name(), "q.io/a/foo:1");
  EXPECT_THAT(ParseAdditionalTag("foo"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "additional-tag 'foo' must be a tagged reference"));
  EXPECT_THAT(ParseAdditionalTag("FOO:1"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "error parsing additional-tag 'FOO:1': invalid reference format: repository "
                       "name must be lowercase"));
}

INSTANTIATE_TEST_SUITE_P(
    Tarball, BadReference,
    testing::Values(BadCase{"tarball:", "error opening \"\": open : no such file or directory"},
                    BadCase{"tarball:a:", "error opening \"\": open : no such file or directory"},
                    BadCase{"tarball::a", "error opening \"\": open : no such file or directory"},
                    BadCase{"tarball:a" +
                                []() {
                                  std::string more;
                                  for (int i = 0; i < 1000; ++i) {
                                    more += ":a";
                                  }
                                  return more;
                                }(),
                            "more than 1000 files"},
                    BadCase{std::string("tarball:a\0b", 11), "the path has a NUL byte"}));

TEST(ImageReference, TarballIsItsFiles) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference, ImageReference::Parse("tarball:/a:-:b c"));
  EXPECT_THAT(reference.tarball()->paths, testing::ElementsAre("/a", "-", "b c"));
  EXPECT_EQ(reference.transport(), "tarball");
}

TEST(ImageReference, SifIsAllOfAPath) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference, ImageReference::Parse("sif:/a:b@c"));
  EXPECT_EQ(reference.sif()->path, "/a:b@c");
  EXPECT_EQ(reference.transport(), "sif");
  EXPECT_EQ(reference.ToString(), "sif:/a:b@c");
  EXPECT_THAT(ImageReference::Parse("sif:").status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "loading SIF file: open : no such file or directory"));
}

TEST(ImageReference, DaemonsImagesAreNamedAsDockerDoes) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference,
                       ImageReference::Parse("docker-daemon:docker.io/library/busybox:1"));
  EXPECT_EQ(reference.transport(), "docker-daemon");
  EXPECT_EQ(reference.docker_daemon()->name->Name(), "docker.io/library/busybox:1");
  EXPECT_EQ(reference.docker_daemon()->Familiar(), "busybox:1");
  EXPECT_EQ(reference.ToString(), "docker-daemon:busybox:1");
  ASSERT_OK_AND_ASSIGN(reference, ImageReference::Parse("docker-daemon:a/b@sha256:" + Hex64()));
  EXPECT_EQ(reference.ToString(), "docker-daemon:a/b@sha256:" + Hex64());
  ASSERT_OK_AND_ASSIGN(reference, ImageReference::Parse("docker-daemon:sha256:" + Hex64()));
  EXPECT_FALSE(reference.docker_daemon()->name.has_value());
  EXPECT_EQ(reference.docker_daemon()->id->ToString(), "sha256:" + Hex64());
}

TEST(ImageReference, DaemonsImageHasATagOrADigest) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "invalid reference format"},
      {"busybox", "docker-daemon: reference busybox has neither a tag nor a digest"},
      {"localhost:5000/x",
       "docker-daemon: reference localhost:5000/x has neither a tag nor a digest"},
      {"UPPER:1", "invalid reference format: repository name must be lowercase"},
      {"a/b:1@sha256:" + Hex64(),
       "docker-daemon: references with both a tag and digest are currently not supported"},
      {Hex64(),
       "invalid repository name (" + Hex64() + "), cannot specify 64-byte hexadecimal strings"},
      {"sha256:abc",
       "Invalid docker-daemon: reference sha256:abc: The sha256 repository name is reserved for "
       "(non-shortened) digest references"},
      {"sha512:" + Hex64() + Hex64(), "Invalid docker-daemon: reference sha512:" + Hex64() +
                                          Hex64() + ": only digest algorithm sha256 accepted"},
  };
  for (const auto& [details, message] : cases) {
    EXPECT_THAT(ImageReference::Parse("docker-daemon:" + details).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, message))
        << details;
  }
}

// What looks like another host, or like a digest, without the parts that may be left out.
TEST(ImageReference, DaemonsNamesThatWouldBeReadOtherwiseStayWhole) {
  for (const std::string& name :
       {std::string("docker.io/a.b/c:1"), "docker.io/library/sha512:" + Hex64() + Hex64()}) {
    ASSERT_OK_AND_ASSIGN(const ImageReference reference,
                         ImageReference::Parse("docker-daemon:" + name));
    EXPECT_EQ(reference.ToString(), "docker-daemon:" + name);
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

TEST(ImageReference, StorePartsAreSplit) {
  ASSERT_OK_AND_ASSIGN(
      ImageReference reference,
      ImageReference::Parse("containers-storage:[overlay@/g@1+/r+2:a=b,c]x:t@sha256:" + Hex64() +
                            "@abcdef"));
  EXPECT_EQ(reference.transport(), "containers-storage");
  const StorageReference* storage = reference.storage();
  ASSERT_NE(storage, nullptr);
  EXPECT_EQ(storage->driver, "overlay");
  EXPECT_EQ(storage->graph_root, "/g@1");
  EXPECT_EQ(storage->run_root, "/r+2");
  EXPECT_THAT(storage->options, testing::ElementsAre("a=b", "c"));
  ASSERT_TRUE(storage->name.has_value());
  EXPECT_EQ(storage->name->Repository(), "docker.io/library/x");
  EXPECT_EQ(storage->name->tag, "t");
  EXPECT_EQ(storage->name->digest->ToString(), "sha256:" + Hex64());
  EXPECT_EQ(storage->image_id, "abcdef");
  EXPECT_EQ(storage->NameText(), "docker.io/library/x:t@sha256:" + Hex64());
}

TEST(ImageReference, ImageInAStoreMayHaveNoName) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference,
                       ImageReference::Parse("containers-storage:@" + Hex64()));
  EXPECT_FALSE(reference.storage()->name.has_value());
  EXPECT_EQ(reference.storage()->NameText(), "");
  EXPECT_EQ(reference.storage()->image_id, Hex64());
  EXPECT_EQ(reference.storage()->driver, "");
}

TEST(ImageReference, OciIndexIsNotAName) {
  ASSERT_OK_AND_ASSIGN(ImageReference reference, ImageReference::Parse("oci:/a:@3"));
  EXPECT_EQ(reference.oci()->index, 3u);
  EXPECT_EQ(reference.oci()->reference, "");
}

}  // namespace
}  // namespace holkas
