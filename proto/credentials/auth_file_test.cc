#include "proto/credentials/auth_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::VariantWith;

constexpr char kPath[] = "/home/me/auth.json";

CredentialKey Key(const std::string& text) { return *CredentialKey::Parse(text); }

std::string Base64(const std::string& text) { return absl::Base64Escape(text); }

// A file whose entries have the user names of the map `{key: user}`.
std::string Auths(const std::vector<std::pair<std::string, std::string>>& users) {
  std::string entries;
  for (const auto& [key, user] : users) {
    absl::StrAppend(&entries, entries.empty() ? "" : ",", "\"", key, "\": {\"auth\": \"",
                    Base64(user + ":secret"), "\"}");
  }
  return absl::StrCat("{\"auths\": {", entries, "}}");
}

absl::StatusOr<AuthFile::Entry> Find(const std::string& text, const std::string& key,
                                     AuthFileFormat format = AuthFileFormat::kAuths) {
  absl::StatusOr<AuthFile> file = AuthFile::Parse(text, kPath, format);
  return file.ok() ? file->Find(Key(key)) : file.status();
}

// The user name that `text` has for `key`; "none" without one.
std::string UserFor(const std::string& text, const std::string& key) {
  absl::StatusOr<AuthFile::Entry> entry = Find(text, key);
  if (!entry.ok()) {
    return entry.status().ToString();
  }
  const auto* basic = std::get_if<UserPassword>(&*entry);
  return basic == nullptr ? "none" : basic->user;
}

void ExpectUnavailable(const absl::Status& status, const std::string& why) {
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr(why)));
  EXPECT_EQ(ErrorReason(status), "CREDENTIALS_UNAVAILABLE");
}

TEST(CredentialKey, IsARegistryWithOrWithoutAPath) {
  EXPECT_EQ(Key("[::1]:5000/a/b").Registry(), "[::1]:5000");
  EXPECT_FALSE(Key("quay.io").IsNamespaced());
  EXPECT_TRUE(Key("quay.io/a").IsNamespaced());
  EXPECT_THAT(Key("quay.io/a/b").LookUpOrder(),
              testing::ElementsAre("quay.io/a/b", "quay.io/a", "quay.io"));
}

TEST(CredentialKey, OthersAreRefusedInSkopeosWords) {
  struct Case {
    const char* text;
    const char* why;
  };
  for (const Case& c : std::vector<Case>{
           {"https://a", "key https://a contains http[s]:// prefix"},
           {"http://a", "key http://a contains http[s]:// prefix"},
           {"a@b", "key a@b contains a '@' character"},
           {"a:1/b:2", "key a:1/b:2 contains a ':' character after host[:port]"},
           {"", "is not host[:port][/path]"},
           {"/a", "is not host[:port][/path]"},
           {"a b", "is not host[:port][/path]"},
           {"a\nb", "key a\\nb is not host[:port][/path]"},
       }) {
    absl::Status status = CredentialKey::Parse(c.text).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.why)));
    EXPECT_EQ(ErrorReason(status), "INVALID_REFERENCE");
  }
  EXPECT_THAT(CredentialKey::Parse(std::string(9000, 'a')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("longer than 8192 bytes")));
}

TEST(AuthFile, BasicCredentialsAreSplitAtTheFirstColon) {
  std::string text =
      absl::StrCat(R"({"auths": {"a.test": {"auth": ")", Base64("me:pass:word"), R"("}}})");
  EXPECT_THAT(Find(text, "a.test"),
              IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "pass:word"})));
}

TEST(AuthFile, PaddingOfThePasswordIsCutOff) {
  std::string text = absl::StrCat(R"({"auths": {"a.test": {"auth": ")",
                                  Base64(std::string("me:pw\0\0", 7)), R"("}}})");
  EXPECT_THAT(Find(text, "a.test"),
              IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "pw"})));
}

TEST(AuthFile, MostSpecificKeyWins) {
  std::string text = Auths({{"quay.io", "host"}, {"quay.io/a", "space"}, {"quay.io/a/b", "repo"}});
  EXPECT_EQ(UserFor(text, "quay.io/a/b"), "repo");
  EXPECT_EQ(UserFor(text, "quay.io/a/c"), "space");
  EXPECT_EQ(UserFor(text, "quay.io/a/b/c"), "repo");
  EXPECT_EQ(UserFor(text, "quay.io/ab"), "host");
  EXPECT_EQ(UserFor(text, "quay.io"), "host");
  EXPECT_EQ(UserFor(text, "quay.io.evil.test/a"), "none");
  EXPECT_EQ(UserFor(text, "quay.io:443/a"), "none");
}

TEST(AuthFile, NamespaceIsNotForItsSiblings) {
  EXPECT_EQ(UserFor(Auths({{"quay.io/v1", "space"}}), "quay.io/other"), "none");
  EXPECT_EQ(UserFor(Auths({{"quay.io/v1", "space"}}), "quay.io"), "none");
}

TEST(AuthFile, UrlsStandForTheirRegistry) {
  for (const char* key : {"https://a.test:5000", "http://a.test:5000/v1/", "a.test:5000/v2/",
                          "https://a.test:5000/some/path", "a.test:5000/"}) {
    EXPECT_EQ(UserFor(Auths({{key, "me"}}), "a.test:5000/repo"), "me") << key;
    EXPECT_EQ(UserFor(Auths({{key, "me"}}), "a.test/repo"), "none") << key;
  }
  EXPECT_EQ(UserFor(Auths({{"https://a.test/v1/", "url"}, {"a.test", "exact"}}), "a.test/r"),
            "exact");
}

TEST(AuthFile, DockerHubHasManyNames) {
  for (const char* key : {"docker.io", "index.docker.io", "registry-1.docker.io",
                          "https://index.docker.io/v1/", "https://registry-1.docker.io"}) {
    EXPECT_EQ(UserFor(Auths({{key, "me"}}), "docker.io/library/busybox"), "me") << key;
  }
  EXPECT_EQ(UserFor(Auths({{"docker.io/library", "space"}, {"docker.io", "hub"}}),
                    "docker.io/library/busybox"),
            "space");
  EXPECT_EQ(UserFor(Auths({{"https://hub.docker.com", "me"}}), "docker.io/x"), "none");
}

TEST(AuthFile, IdentityTokensGoBeforePasswords) {
  std::string text =
      absl::StrCat(R"({"auths": {"a.test": {"auth": ")", Base64("me:"),
                   R"(", "identitytoken": "tok"}, "b.test": {"identitytoken": "t2"}}})");
  EXPECT_THAT(Find(text, "a.test"),
              IsOkAndHolds(VariantWith<IdentityToken>(IdentityToken{"tok", "me"})));
  EXPECT_THAT(Find(text, "b.test"),
              IsOkAndHolds(VariantWith<IdentityToken>(IdentityToken{"t2", ""})));
}

TEST(AuthFile, HelperOfTheRegistryGoesBeforeEntries) {
  std::string text =
      R"({"auths": {"a.test": {"auth": "bWU6cHc="}, "a.test/b": {"auth": "bWU6cHc="}},
                         "credHelpers": {"a.test": "one", "c.test/d": "two", "e.test": ""}})";
  EXPECT_THAT(Find(text, "a.test/b"),
              IsOkAndHolds(VariantWith<HelperEntry>(HelperEntry{"one", "a.test"})));
  EXPECT_THAT(Find(text, "c.test/d"), IsOkAndHolds(VariantWith<NoCredentials>(NoCredentials())));
  EXPECT_THAT(Find(text, "e.test"), IsOkAndHolds(VariantWith<NoCredentials>(NoCredentials())));
}

TEST(AuthFile, DockersStoreComesLast) {
  std::string text = R"({"auths": {"a.test": {"auth": "bWU6cHc="}, "b.test": {},
                                   "https://index.docker.io/v1/": {}}, "credsStore": "all"})";
  EXPECT_EQ(UserFor(text, "a.test"), "me");
  EXPECT_THAT(Find(text, "b.test/x"),
              IsOkAndHolds(VariantWith<HelperEntry>(HelperEntry{"all", "b.test", true})));
  EXPECT_THAT(Find(text, "c.test"),
              IsOkAndHolds(VariantWith<HelperEntry>(HelperEntry{"all", "c.test", false})));
  EXPECT_THAT(Find(text, "docker.io/library/x"),
              IsOkAndHolds(VariantWith<HelperEntry>(HelperEntry{"all", kDockerHubServer, true})));
}

TEST(AuthFile, DockersHelperForDockerHubIsFound) {
  std::string text = R"({"credHelpers": {"https://index.docker.io/v1/": "hub"}})";
  EXPECT_THAT(Find(text, "docker.io/x"),
              IsOkAndHolds(VariantWith<HelperEntry>(HelperEntry{"hub", kDockerHubServer, false})));
}

TEST(AuthFile, WhatIsNoUserAndPasswordIsSkipped) {
  for (const std::string& entry : {std::string("{}"), std::string("null"),
                                   absl::StrCat(R"({"auth": ")", Base64("nocolon"), R"("})")}) {
    EXPECT_EQ(UserFor(absl::StrCat(R"({"auths": {"a.test": )", entry, "}}"), "a.test"), "none");
  }
}

TEST(AuthFile, LegacyFileIsOfEntriesAlone) {
  std::string text = R"({"https://a.test/v1/": {"auth": "bWU6cHc=", "email": "x"}})";
  EXPECT_THAT(Find(text, "a.test/x", AuthFileFormat::kLegacy),
              IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "pw"})));
  // Without namespaces: a path is a URL's.
  EXPECT_THAT(Find(R"({"a.test/x": {"auth": "bWU6cHc="}})", "a.test/y", AuthFileFormat::kLegacy),
              IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "pw"})));
}

TEST(AuthFile, MalformedFilesAreNamedAndNotShown) {
  struct Case {
    const char* text;
    const char* why;
  };
  for (const Case& c : std::vector<Case>{
           {"", "it is empty"},
           {"{", "it is not JSON"},
           {R"({"auths": SECRET})", "it is not JSON"},
           {R"(["SECRET"])", "it is not a JSON object"},
           {R"({"auths": "SECRET"})", R"("auths" is not an object)"},
           {R"({"auths": {"a.test": "SECRET"}})", R"(an entry of "auths" is not an object)"},
           {R"({"auths": {"a.test": {"auth": ["SECRET"]}}})", R"("auth" is not a string)"},
           {R"({"auths": {"a.test": {"auth": "SECRET!"}}})",
            R"(the "auth" of an entry is not base64)"},
           {R"({"auths": {"a.test": {"identitytoken": 1}}})", R"("identitytoken" is not a string)"},
           {R"({"credHelpers": {"a.test": {}}})", R"(a value in "credHelpers" is not a string)"},
           {R"({"credHelpers": 1})", R"("credHelpers" is not an object)"},
           {R"({"credsStore": 1})", R"("credsStore" is not a string)"},
       }) {
    absl::Status status = Find(c.text, "a.test").status();
    ExpectUnavailable(status, absl::StrCat("reading JSON file \"", kPath, "\": ", c.why));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("SECRET")));
  }
  std::string deep = std::string(100000, '[');
  ExpectUnavailable(Find(absl::StrCat("{\"a\":", deep, "}"), "a.test").status(),
                    "it has more than 32 levels");
  deep = absl::StrCat("{\"a\":", std::string(40, '['), std::string(40, ']'), "}");
  ExpectUnavailable(Find(deep, "a.test").status(), "it has more than 32 levels");
  ExpectUnavailable(Find(std::string("{}\0x", 4), "a.test").status(), "it is not JSON");
}

TEST(AuthFile, OnlyNestingIsDepth) {
  std::string brackets(100, '[');
  EXPECT_EQ(UserFor(absl::StrCat(R"({"x": "\")", brackets, R"(", "y": [[], [], {}, )",
                                 R"("\\"], "auths": {"a.test": {"auth": "bWU6cHc="}}})"),
                    "a.test"),
            "me");
}

TEST(AuthFile, ManyEntriesTakeNoTime) {
  std::string text = R"({"auths": {"a.test": {"auth": "bWU6cHc="})";
  for (int i = 0; text.size() < kMaxAuthFileBytes - 100; ++i) {
    absl::StrAppend(&text, ",\"", i, "\":{}");
  }
  absl::Time start = absl::Now();
  EXPECT_EQ(UserFor(text + "}}", "a.test"), "me");
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
}

TEST(AuthFile, OtherEntriesMayBeMalformed) {
  EXPECT_EQ(
      UserFor(R"({"auths": {"a.test": {"auth": "bWU6cHc="}, "b.test": {"auth": "!"}}})", "a.test"),
      "me");
}

class AuthFileReadTest : public testing::Test {
 protected:
  std::string Path() {
    return absl::StrCat(testing::TempDir(), "/",
                        testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  absl::Status Read() { return AuthFile::Read(Path(), AuthFileFormat::kAuths).status(); }
};

TEST_F(AuthFileReadTest, MissingFileHasNoEntries) {
  ASSERT_OK_AND_ASSIGN(AuthFile file, AuthFile::Read(Path(), AuthFileFormat::kAuths));
  EXPECT_THAT(file.Find(Key("a.test")), IsOkAndHolds(VariantWith<NoCredentials>(NoCredentials())));
  EXPECT_OK(AuthFile::Read("/dev/null/x", AuthFileFormat::kAuths));
}

TEST_F(AuthFileReadTest, LargeFileIsRefused) {
  std::string text = R"({"a": ")";
  text.resize(kMaxAuthFileBytes - 2, 'x');
  text += "\"}";
  std::ofstream(Path()) << text;
  EXPECT_OK(Read());
  std::ofstream(Path()) << text << " ";
  ExpectUnavailable(Read(), "it is larger than 1048576 bytes");
}

TEST_F(AuthFileReadTest, OnlyRegularFilesAreRead) {
  ASSERT_EQ(mkfifo(Path().c_str(), 0600), 0);
  ExpectUnavailable(Read(), absl::StrCat(Path(), "\": it is not a regular file"));
  ExpectUnavailable(AuthFile::Read("/tmp", AuthFileFormat::kAuths).status(),
                    "it is not a regular file");
  ExpectUnavailable(AuthFile::Read("/dev/zero", AuthFileFormat::kAuths).status(),
                    "it is not a regular file");
}

// Random changes of a file with everything in it: each is read or refused, and no message shows
// what is in it.
TEST(AuthFile, MutatedFilesAreReadOrRefusedAndNotShown) {
  constexpr int kRounds = 20000;
  const std::string secret = Base64("canaryuser:canarypassword");
  const std::string original = absl::StrCat(
      R"({"auths": {"a.test": {"auth": ")", secret, R"("}, "a.test/b": {"auth": ")", secret,
      R"(", "identitytoken": "canarytoken"}, "https://index.docker.io/v1/": {}},)",
      R"( "credHelpers": {"c.test": "canaryhelper"}, "credsStore": "pass", "x": [1, -2.5, "\u00e9"]})");
  std::mt19937 random(20221123);
  auto below = [&random](size_t limit) { return random() % limit; };
  int refused = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::string text = original;
    for (size_t change = below(4) + 1; change > 0 && !text.empty(); --change) {
      size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.erase(at, below(16) + 1);
          break;
        case 2:
          text.insert(at, original, below(original.size()), below(32));
          break;
        default:
          text.resize(at + 1);
          break;
      }
    }
    for (const char* key : {"a.test", "a.test/b/c", "c.test", "docker.io/library/x"}) {
      absl::StatusOr<AuthFile::Entry> entry = Find(text, key);
      if (!entry.ok()) {
        ++refused;
        ASSERT_THAT(
            std::string(entry.status().message()),
            AllOf(HasSubstr(kPath), Not(HasSubstr("canary")), Not(HasSubstr(secret.substr(0, 6)))));
      }
    }
  }
  EXPECT_GT(refused, kRounds);
  EXPECT_LT(refused, 4 * kRounds);
}

}  // namespace
}  // namespace holkas
