#include "service/auth/token_table.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using testing::HasSubstr;

// Of `test`, and of `other`.
constexpr char kTest[] = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
constexpr char kOther[] = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";

std::string File(const std::string& entries) {
  return absl::StrCat("version: 1\ntokens:\n", entries);
}

TEST(TokenTable, FindsWhoHasAToken) {
  ASSERT_OK_AND_ASSIGN(
      const TokenTable table,
      TokenTable::Parse(File(absl::StrCat("  - {name: ci, sha256: ", kTest,
                                          "}\n  - {name: bob@x, sha256: ", kOther, "}\n")),
                        "t.yaml"));
  EXPECT_EQ(table.Find("test", absl::Now()), "ci");
  EXPECT_EQ(table.Find("other", absl::Now()), "bob@x");
  for (const char* token : {"", "tesT", "test ", "test\n", kTest}) {
    EXPECT_EQ(table.Find(token, absl::Now()), std::nullopt) << token;
  }
}

TEST(TokenTable, AHashThatIsAlmostATokensIsAnothers) {
  for (const size_t at : {size_t{0}, sizeof kTest - 2}) {
    std::string other = kTest;
    other[at] = other[at] == '0' ? '1' : '0';
    ASSERT_OK_AND_ASSIGN(
        const TokenTable table,
        TokenTable::Parse(File(absl::StrCat("  - {name: ci, sha256: ", other, "}\n")), "t.yaml"));
    EXPECT_EQ(table.Find("test", absl::Now()), std::nullopt) << other;
  }
}

TEST(TokenTable, ATokenEndsWhenItsTimeHasCome) {
  ASSERT_OK_AND_ASSIGN(
      const TokenTable table,
      TokenTable::Parse(File(absl::StrCat("  - {name: ci, sha256: ", kTest,
                                          ", expires: \"2030-01-31T00:00:00Z\"}\n")),
                        "t.yaml"));
  const absl::Time end = absl::FromCivil(absl::CivilDay(2030, 1, 31), absl::UTCTimeZone());
  EXPECT_EQ(table.Find("test", end - absl::Seconds(1)), "ci");
  EXPECT_EQ(table.Find("test", end), std::nullopt);
}

TEST(TokenTable, MalformedFilesNameTheLineAndNoHash) {
  const struct {
    std::string text;
    const char* why;
  } kCases[] = {
      {"tokens: []", "t.yaml:1: version: must be 1"},
      {"version: 2", "t.yaml:1: version: must be 1"},
      {File("  - {sha256: ab}\n"), "t.yaml:3: tokens[0]: name must be"},
      {File("  - {name: \"a b\", sha256: ab}\n"), "t.yaml:3: tokens[0]: name must be"},
      {File("  - {name: a, sha256: ab}\n"), "t.yaml:3: tokens[0]: sha256 must be"},
      {File("  - {name: a, token: secret}\n"), "t.yaml:3: tokens[0].token: unknown key"},
      {File(absl::StrCat("  - {name: a, sha256: ", kTest, "}\n  - {name: b, sha256: ", kTest,
                         "}\n")),
       "t.yaml:4: tokens[1]: the same token stands twice"},
      {File(absl::StrCat("  - {name: a, sha256: ", kTest, ", expires: soon}\n")),
       "t.yaml:3: tokens[0]: expires must be"},
  };
  for (const auto& test : kCases) {
    const absl::Status status = TokenTable::Parse(test.text, "t.yaml").status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(test.why)));
    EXPECT_EQ(ErrorReason(status), "INVALID_CONFIG");
    EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("9f86")));
  }
}

}  // namespace
}  // namespace holkas
