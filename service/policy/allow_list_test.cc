#include "service/policy/allow_list.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr char kFile[] = R"(
version: 1
callers:
  - identity: cert:ci
    operations: [Inspect, Copy]
    registries: [a.test, "*.b.test:5000"]
    repositories: ["c.test/team/*", "c.test:5000/one/app", "docker.io/library/busybox"]
  - identity: token:admin
    operations: ["*"]
    registries: ["*:*"]
  - identity: uid:7
    operations: [Inspect]
)";

AllowList List() { return AllowList::Parse(kFile, "allow.yaml").value(); }

absl::Status CheckImage(const std::string& identity, const std::string& image) {
  return List().CheckImage({identity}, ImageReference::Parse(image).value());
}

TEST(AllowList, WhoIsNotInItMayDoNothingUnlessTrusted) {
  const ImageReference image = ImageReference::Parse("docker://a.test/x").value();
  for (const AllowList& list : {List(), AllowList()}) {
    const Identity stranger = {"cert:other"};
    EXPECT_THAT(list.CheckOperation(stranger, "Inspect"), StatusIs(StatusCode::kPermissionDenied));
    EXPECT_THAT(list.CheckImage(stranger, image), StatusIs(StatusCode::kPermissionDenied));
    EXPECT_THAT(list.CheckRegistry(stranger, image), StatusIs(StatusCode::kPermissionDenied));
    const Identity user = {.name = "uid:8", .is_trusted = true};
    EXPECT_OK(list.CheckOperation(user, "Delete"));
    EXPECT_OK(list.CheckImage(user, image));
    EXPECT_OK(list.CheckRegistry(user, image));
  }
}

TEST(AllowList, AnEntryBindsTrustedCallersToo) {
  const Identity user = {.name = "uid:7", .is_trusted = true};
  EXPECT_OK(List().CheckOperation(user, "Inspect"));
  EXPECT_THAT(List().CheckOperation(user, "Copy"), StatusIs(StatusCode::kPermissionDenied));
  EXPECT_THAT(List().CheckImage(user, ImageReference::Parse("docker://a.test/x").value()),
              StatusIs(StatusCode::kPermissionDenied));
}

TEST(AllowList, OperationsAreThoseListed) {
  EXPECT_OK(List().CheckOperation({"cert:ci"}, "Copy"));
  EXPECT_OK(List().CheckOperation({"token:admin"}, "Delete"));
  const absl::Status status = List().CheckOperation({"cert:ci"}, "Delete");
  EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied, HasSubstr("may not call Delete")));
  EXPECT_EQ(ErrorReason(status), "CALLER_DENIED");
  EXPECT_EQ(ErrorMetadata(status)["identity"], "cert:ci");
  EXPECT_EQ(ErrorMetadata(status)["rule"], "operations: Delete");
}

TEST(AllowList, ImagesAreInRegistriesOrRepositoriesListed) {
  for (const char* image :
       {"docker://a.test/any/thing:1", "docker://x.b.test:5000/y", "docker://c.test/team/app:2",
        "docker://c.test/team/deep/app", "docker://c.test:5000/one/app", "docker://busybox",
        "oci:/tmp/layout:x", "dir:/tmp/d", "docker-archive:/tmp/a.tar"}) {
    EXPECT_OK(CheckImage("cert:ci", image)) << image;
  }
  for (const char* image :
       {"docker://a.test:5000/x", "docker://a.test:443/x", "docker://x.a.test/y",
        "docker://b.test:5000/y", "docker://c.test/team", "docker://c.test/teamwork/app",
        "docker://c.test/other/app", "docker://c.test:5000/one/app/more", "docker://c.test/one/app",
        "docker://docker.io/other/busybox", "docker://alpine"}) {
    const absl::Status status = CheckImage("cert:ci", image);
    EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied)) << image;
    EXPECT_EQ(ErrorReason(status), "CALLER_DENIED");
  }
  EXPECT_OK(CheckImage("token:admin", "docker://anywhere.test:123/x"));
  EXPECT_EQ(ErrorMetadata(CheckImage("cert:ci", "docker://c.test/team:1"))["rule"],
            "repositories: c.test/team");
}

TEST(AllowList, ARegistryIsAllowedWhereSomethingInItIs) {
  const auto check = [](const std::string& identity, const std::string& registry) {
    return List().CheckRegistry(
        {identity},
        ImageReference::Parse(absl::StrCat("docker://", registry, "/repository")).value());
  };
  EXPECT_OK(check("cert:ci", "a.test"));
  EXPECT_OK(check("cert:ci", "c.test:5000"));
  EXPECT_THAT(check("cert:ci", "d.test"), StatusIs(StatusCode::kPermissionDenied));
}

TEST(AllowList, MalformedFilesNameLineAndKey) {
  const auto caller = [](const std::string& rest) {
    return absl::StrCat("version: 1\ncallers:\n  - ", rest);
  };
  const struct {
    std::string text;
    const char* why;
  } kCases[] = {
      {"", "allow.yaml:1: version: must be 1"},
      {"version: 2", "allow.yaml:1: version: must be 1"},
      {"version: 1\nrules: []", "allow.yaml:2: rules: unknown key"},
      {caller("{operations: [Copy]}"), "allow.yaml:3: callers[0]: identity must be"},
      {caller("{identity: \"uid:x\"}"), "callers[0]: identity must be"},
      {caller("{identity: \"uid:07\"}"), "callers[0]: identity must be"},
      {caller("{identity: \"cert:\"}"), "callers[0]: identity must be"},
      {caller("{identity: bob}"), "callers[0]: identity must be"},
      {caller("{identity: anonymous, operations: [copy]}"), "there is no operation \"copy\""},
      {caller("{identity: anonymous, registries: [a/b]}"),
       "callers[0].registries[0]: must be host"},
      {caller("{identity: anonymous, repositories: [a.test]}"),
       "callers[0].repositories[0]: must be host[:port]/path"},
      {caller("{identity: anonymous, repositories: [a.test/x*]}"), "repositories[0]: must be"},
      {caller("{identity: anonymous, repositories: [\"a.test/*\"]}"), "repositories[0]: must be"},
      {caller("{identity: anonymous, repositories: [\"a.test/x:1\"]}"), "repositories[0]: must be"},
      {caller("{identity: anonymous}\n  - {identity: anonymous}"),
       "allow.yaml:4: callers[1]: anonymous stands twice"},
  };
  for (const auto& test : kCases) {
    const absl::Status status = AllowList::Parse(test.text, "allow.yaml").status();
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr(test.why))) << test.text;
    EXPECT_EQ(ErrorReason(status), "INVALID_CONFIG");
  }
}

}  // namespace
}  // namespace holkas
