#include "proto/registries/parse_registries_conf.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::SizeIs;

absl::StatusOr<std::vector<RegistryEntry>> Parse(
    absl::string_view text, RegistriesConfForm form = RegistriesConfForm::kAny) {
  ASSIGN_OR_RETURN(ParsedRegistriesConf conf, ParseRegistriesConf(text, "r.conf", form));
  return std::move(conf.entries);
}

TEST(ParseRegistriesConf, CredentialHelpersKeepTheirOrder) {
  const auto helpers = [](absl::string_view text) {
    return ParseRegistriesConf(text, "r.conf", RegistriesConfForm::kAny)->credential_helpers;
  };
  EXPECT_THAT(helpers(R"(credential-helpers = ["b", "containers-auth.json", "a"])"),
              Optional(ElementsAre("b", "containers-auth.json", "a")));
  EXPECT_THAT(helpers("credential-helpers = []"), Optional(IsEmpty()));
  EXPECT_EQ(helpers("short-name-mode = \"enforcing\""), std::nullopt);
  for (const char* wrong : {R"("a")", "[1]", "{}", "true"}) {
    EXPECT_THAT(Parse(absl::StrCat("credential-helpers = ", wrong)),
                StatusIs(StatusCode::kInvalidArgument,
                         HasSubstr("r.conf:1: credential-helpers must be an array of strings")));
  }
}

TEST(ParseRegistriesConf, ReadsEveryField) {
  ASSERT_OK_AND_ASSIGN(const std::vector<RegistryEntry> entries, Parse(R"(
unqualified-search-registries = ["docker.io"]
[aliases]
"x" = "docker.io/x"
[[registry]]
prefix = "Example.com/foo/"
location = "Other.test:5000/bar//"
insecure = true
blocked = true
[[registry.mirror]]
location = "one.test"
[[registry.mirror]]
location = "two.test/"
insecure = true
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "three.test"
pull-from-mirror = "tag-only"
[[registry.mirror]]
location = "four.test"
pull-from-mirror = "all"
[[registry]]
location = "plain.test"
mirror-by-digest-only = true
[[registry]]
prefix = "*.example.org"
)"));
  ASSERT_THAT(entries, SizeIs(3));
  EXPECT_EQ(entries[0].prefix, "example.com/foo");
  EXPECT_EQ(entries[0].location, "other.test:5000/bar");
  EXPECT_EQ(entries[0].file, "r.conf");
  EXPECT_TRUE(entries[0].insecure);
  EXPECT_TRUE(entries[0].blocked);
  EXPECT_FALSE(entries[0].mirror_by_digest_only);
  ASSERT_THAT(entries[0].mirrors, SizeIs(4));
  EXPECT_EQ(entries[0].mirrors[0].location, "one.test");
  EXPECT_FALSE(entries[0].mirrors[0].insecure);
  EXPECT_EQ(entries[0].mirrors[0].pull, RegistryMirror::Pull::kAll);
  EXPECT_EQ(entries[0].mirrors[1].location, "two.test");
  EXPECT_TRUE(entries[0].mirrors[1].insecure);
  EXPECT_EQ(entries[0].mirrors[1].pull, RegistryMirror::Pull::kDigestOnly);
  EXPECT_EQ(entries[0].mirrors[2].pull, RegistryMirror::Pull::kTagOnly);
  EXPECT_EQ(entries[0].mirrors[3].pull, RegistryMirror::Pull::kAll);
  EXPECT_EQ(entries[1].prefix, "plain.test");
  EXPECT_TRUE(entries[1].mirror_by_digest_only);
  EXPECT_EQ(entries[2].location, "");
}

TEST(ParseRegistriesConf, ReadsTheFirstForm) {
  ASSERT_OK_AND_ASSIGN(const std::vector<RegistryEntry> entries, Parse(R"(
[registries.search]
registries = ['registry1.com', 'registry2.com']
[registries.insecure]
registries = ['registry3.com', 'both.com/']
[registries.block]
registries = ['registry.untrusted.com', 'both.com']
)"));
  ASSERT_THAT(entries, SizeIs(3));
  EXPECT_EQ(entries[0].prefix, "registry.untrusted.com");
  EXPECT_TRUE(entries[0].blocked);
  EXPECT_FALSE(entries[0].insecure);
  EXPECT_EQ(entries[1].location, "both.com");
  EXPECT_TRUE(entries[1].blocked);
  EXPECT_TRUE(entries[1].insecure);
  EXPECT_EQ(entries[2].prefix, "registry3.com");
  EXPECT_FALSE(entries[2].blocked);
}

TEST(ParseRegistriesConf, EmptyAndUnknownAreNothing) {
  EXPECT_THAT(Parse(""), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Parse("# a comment\ncolour = 'red'\n[other.table]\nx = 1\n"),
              IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Parse("[[registry]]\nlocation = 'a.test'\ncolour = 1\n"), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(Parse("[registries]\n"), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Parse("[[registry]]\nlocation = 'a.test'\n[registries.search]\nregistries = []\n"),
              IsOkAndHolds(SizeIs(1)));
}

TEST(ParseRegistriesConf, KeysMayHaveAnyCase) {
  ASSERT_OK_AND_ASSIGN(const std::vector<RegistryEntry> entries,
                       Parse("[[Registry]]\nLocation = 'a.test'\nBLOCKED = true\n"));
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_EQ(entries[0].location, "a.test");
  EXPECT_TRUE(entries[0].blocked);
}

TEST(ParseRegistriesConf, OfTwoEntriesWithOnePrefixTheFirstCounts) {
  ASSERT_OK_AND_ASSIGN(const std::vector<RegistryEntry> entries,
                       Parse("[[registry]]\nprefix = 'a.test'\nlocation = 'one.test'\n"
                             "[[registry]]\nprefix = 'a.test'\nlocation = 'two.test'\n"
                             "[[registry]]\nlocation = 'b.test'\n"));
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(entries[0].location, "one.test");
  EXPECT_EQ(entries[1].location, "b.test");
}

TEST(ParseRegistriesConf, MalformedFilesNameTheLine) {
  const struct {
    const char* text;
    const char* error;
  } kRows[] = {
      {"[[registry]]\nlocation = \"a.test\nblocked = true\n", "r.conf:2: "},
      {"x = 1\nx = 2\n", "r.conf:2: "},
      {"registry = 5\n", "r.conf:1: registry must be an array of tables"},
      {"registry = [5]\n", "r.conf:1: registry must be an array of tables"},
      {"[registry]\nlocation = 'a'\n", "registry must be an array of tables"},
      {"[[registry]]\nlocation = 5\n", "r.conf:2: location must be a string"},
      {"[[registry]]\nlocation = 'a'\n\nblocked = 1\n", "r.conf:4: blocked must be true or false"},
      {"[[registry]]\nlocation = 'a'\ninsecure = 'true'\n", "insecure must be true or false"},
      {"[[registry]]\nlocation = 'a'\nmirror = 'b'\n", "mirror must be an array of tables"},
      {"[[registry]]\nlocation = 'a'\nmirror = ['b']\n", "mirror must be an array of tables"},
      {"[[registry]]\nblocked = true\n", "r.conf:1: invalid condition: both location and prefix"},
      {"[[registry]]\nprefix = 'a.test'\n", "location is unset and prefix is not in the format"},
      {"[[registry]]\nlocation = 'https://a.test'\n",
       "r.conf:2: invalid location 'https://a.test': URI schemes are not supported"},
      {"[[registry]]\nprefix = 'http://a.test'\nlocation = 'a'\n", "URI schemes are not supported"},
      {"[[registry]]\nlocation = 'a'\n[[registry.mirror]]\ninsecure = true\n",
       "mirror location is unset"},
      {"[[registry]]\nlocation = 'a'\n[[registry.mirror]]\nlocation = 'http://b'\n",
       "URI schemes are not supported"},
      {"[[registry]]\nprefix = '*.a.test/b'\n", "Wildcarded prefix should be in the format"},
      {"[[registry]]\nprefix = '*.a.test:5000'\n", "Wildcarded prefix should be in the format"},
      {"[[registry]]\nlocation = 'a'\npull-from-mirror = 'all'\n",
       "pull-from-mirror must not be set for a non-mirror registry \"a\""},
      {"[[registry]]\nlocation = 'a'\n[[registry.mirror]]\nlocation = 'b'\n"
       "pull-from-mirror = 'some'\n",
       "unsupported pull-from-mirror value \"some\" for mirror \"b\""},
      {"[[registry]]\nlocation = 'a'\nmirror-by-digest-only = true\n[[registry.mirror]]\n"
       "location = 'b'\npull-from-mirror = 'all'\n",
       "cannot set mirror usage mirror-by-digest-only"},
      {"[[registry]]\nlocation = 'a'\n[[registry]]\nprefix = 'b'\nlocation = 'a'\nblocked = true\n",
       "registry 'a' is defined multiple times with conflicting 'blocked' setting"},
      {"[[registry]]\nlocation = 'a'\n[[registry]]\nprefix = 'b'\nlocation = 'a'\ninsecure = "
       "true\n",
       "registry 'a' is defined multiple times with conflicting 'insecure' setting"},
      {"[registries.block]\nregistries = 'a'\n",
       "r.conf:2: registries must be an array of strings"},
      {"[registries.block]\nregistries = [1]\n", "registries must be an array of strings"},
      {"[registries.block]\nregistries = ['']\n", "invalid location: cannot be empty"},
      {"[registries]\nblock = 5\n", "registries.block must be a table"},
      {"registries = 5\n", "registries must be a table"},
      {"[registries.search]\nregistries = 'a'\n", "registries must be an array of strings"},
      {"[[registry]]\nlocation = 'a'\n[registries.search]\nregistries = ['b']\n",
       "mixing sysregistry v1/v2 is not supported"},
      {"unqualified-search-registries = ['a']\n[registries.block]\nregistries = ['a']\n",
       "mixing sysregistry v1/v2 is not supported"},
  };
  for (const auto& row : kRows) {
    const absl::Status status = Parse(row.text).status();
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr(row.error))) << row.text;
    EXPECT_EQ(ErrorReason(status), "INVALID_CONFIG");
  }
}

TEST(ParseRegistriesConf, DropInFilesHaveTheSecondForm) {
  EXPECT_THAT(Parse("[registries.block]\nregistries = ['a']\n", RegistriesConfForm::kSecondAlone),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("registry must be in v2 format")));
  EXPECT_THAT(Parse("[[registry]]\nlocation = 'a'\n", RegistriesConfForm::kSecondAlone),
              IsOkAndHolds(SizeIs(1)));
}

TEST(ParseRegistriesConf, DeepNestingIsAnError) {
  EXPECT_THAT(Parse(absl::StrCat("x = ", std::string(100000, '['))),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("r.conf:1: ")));
}

}  // namespace
}  // namespace holkas
