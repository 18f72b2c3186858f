#include "clients/cli/image_name.h"

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

TEST(ResolveImageName, RelativePathsBecomeAbsolute) {
  EXPECT_THAT(ResolveImageName("oci:layout:app", "/home/me"),
              IsOkAndHolds("oci:/home/me/layout:app"));
  EXPECT_THAT(ResolveImageName("dir:../x", "/home/me"), IsOkAndHolds("dir:/home/me/../x"));
  EXPECT_THAT(ResolveImageName("dir:x", "/"), IsOkAndHolds("dir:/x"));
  EXPECT_THAT(ResolveImageName("tarball:a.tar:/b:-:c/-", "/home/me"),
              IsOkAndHolds("tarball:/home/me/a.tar:/b:-:/home/me/c/-"));
  EXPECT_THAT(ResolveImageName("docker-archive:x.tar:app:1", "/a"),
              IsOkAndHolds("docker-archive:/a/x.tar:app:1"));
  EXPECT_THAT(ResolveImageName("oci-archive:x.tar", "/a"), IsOkAndHolds("oci-archive:/a/x.tar"));
  EXPECT_THAT(ResolveImageName("sif:x:y.sif", "/a"), IsOkAndHolds("sif:/a/x:y.sif"));
}

TEST(ResolveImageName, OthersStayAsTheyAre) {
  for (const char* name : {"oci:/layout:app", "dir:/x", "docker://registry.example.com/app:1",
                           "docker-archive:/x.tar:app:1", "sif:/x"}) {
    EXPECT_THAT(ResolveImageName(name, "/home/me"), IsOkAndHolds(name));
  }
}

TEST(ResolveImageName, MistypedNamesHaveSkopeosText) {
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(ResolveImageName("foo", "/"),
              StatusIs(kInvalid,
                       "Invalid image name \"foo\", expected colon-separated transport:reference"));
  EXPECT_THAT(ResolveImageName("bla:foo", "/"),
              StatusIs(kInvalid, "Invalid image name \"bla:foo\", unknown transport \"bla\""));
  EXPECT_THAT(ResolveImageName("docker:foo", "/"),
              StatusIs(kInvalid, "docker: image reference foo does not start with //"));
  EXPECT_THAT(ResolveImageName("docker://foo:bar:baz", "/"),
              StatusIs(kInvalid, "invalid reference format"));
}

}  // namespace
}  // namespace holkas
