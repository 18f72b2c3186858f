#include "proto/credentials/look_up.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using testing::HasSubstr;
using testing::VariantWith;

constexpr char kNothing[] = "echo credentials not found in native keychain; exit 1";

class LookUpTest : public testing::Test {
 protected:
  LookUpTest() {
    root_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }

  // Adds a file to search in.
  void AddFile(const std::string& text) {
    std::string path = root_ + "/" + std::to_string(sources_.size());
    std::ofstream(path) << text;
    sources_.push_back(AuthFileLocation{path, AuthFileFormat::kAuths});
  }

  void WriteHelper(const std::string& name, const std::string& script) {
    std::string program = root_ + "/docker-credential-" + name;
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    ASSERT_EQ(chmod(program.c_str(), 0755), 0);
  }

  absl::StatusOr<Credentials> LookUp(const std::string& key = "a.test/app") {
    absl::StatusOr<FoundCredentials> found = FindCredentials(*CredentialKey::Parse(key), sources_);
    return found.ok() ? AskHelpers(*found, root_ + ":/usr/bin:/bin") : found.status();
  }

  std::string root_;
  std::vector<CredentialSource> sources_;
};

TEST_F(LookUpTest, FirstFileWithCredentialsWins) {
  AddFile(R"({"auths": {"b.test": {"auth": "bm86eA=="}}})");
  AddFile(R"({"auths": {"a.test": {}}})");
  AddFile(R"({"auths": {"a.test": {"auth": "bWU6cHc="}}})");
  AddFile(R"({"auths": {"a.test/app": {"auth": "eW91OnB3"}}})");
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "pw"})));
  EXPECT_THAT(LookUp("c.test"), IsOkAndHolds(VariantWith<NoCredentials>(NoCredentials())));
}

TEST_F(LookUpTest, IdentityTokensAreFound) {
  AddFile(R"({"auths": {"a.test": {"identitytoken": "tok"}}})");
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<IdentityToken>(IdentityToken{"tok", ""})));
}

TEST_F(LookUpTest, MalformedFileEndsTheSearch) {
  AddFile("{");
  AddFile(R"({"auths": {"a.test": {"auth": "bWU6cHc="}}})");
  EXPECT_THAT(LookUp(), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("it is not JSON")));
}

TEST_F(LookUpTest, SearchGoesOnBehindAHelperThatKnowsNothing) {
  AddFile(R"({"credHelpers": {"a.test": "one"}, "auths": {"a.test": {"auth": "bm86eA=="}}})");
  sources_.push_back(GeneralHelper{"two"});
  AddFile(R"({"auths": {"a.test": {"auth": "bWU6cHc="}}})");
  WriteHelper("one", kNothing);
  WriteHelper("two", kNothing);
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "pw"})));
  WriteHelper("two", R"(echo "{\"Username\":\"two\",\"Secret\":\"$(cat)\"}")");
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"two", "a.test"})));
  WriteHelper("one", R"(echo '{"Username":"<token>","Secret":"tok"}')");
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<IdentityToken>(IdentityToken{"tok", ""})));
}

TEST_F(LookUpTest, RequiredHelperThatFailsIsAnError) {
  AddFile(R"({"credHelpers": {"a.test": "one"}})");
  EXPECT_THAT(LookUp(), StatusIs(absl::StatusCode::kUnauthenticated,
                                 HasSubstr("docker-credential-one: executable file not found")));
  WriteHelper("one", "exit 7");
  EXPECT_THAT(LookUp(), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("exit status 7")));
}

TEST_F(LookUpTest, SearchGoesOnBehindAGeneralHelperThatFails) {
  sources_.push_back(GeneralHelper{"one"});
  AddFile(R"({"auths": {"a.test": {"auth": "bWU6cHc="}}})");
  WriteHelper("one", "exit 7");
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "pw"})));
  EXPECT_THAT(LookUp("b.test"),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("exit status 7")));
}

TEST_F(LookUpTest, GeneralHelpersAreAskedBehindFilesThatCannotBeUsed) {
  AddFile("{");
  AddFile(R"({"auths": {"a.test": {"auth": "bWU6cHc="}}})");
  sources_.push_back(GeneralHelper{"one"});
  EXPECT_THAT(LookUp(), StatusIs(absl::StatusCode::kUnauthenticated,
                                 HasSubstr("it is not JSON; docker-credential-one: executable")));
  WriteHelper("one", R"(echo '{"Username":"one","Secret":"s"}')");
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"one", "s"})));
}

TEST_F(LookUpTest, HelperOfAFileThatFailsEndsTheSearchInFilesAlone) {
  AddFile(R"({"credHelpers": {"a.test": "one"}})");
  AddFile(R"({"auths": {"a.test": {"auth": "bWU6cHc="}}})");
  EXPECT_THAT(LookUp(), StatusIs(absl::StatusCode::kUnauthenticated,
                                 HasSubstr("docker-credential-one: executable")));
  sources_.push_back(GeneralHelper{"two"});
  WriteHelper("two", R"(echo '{"Username":"two","Secret":"s"}')");
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"two", "s"})));
}

TEST_F(LookUpTest, StoreThatFailsIsAnErrorOnlyWhereItShouldKnow) {
  AddFile(R"({"auths": {"b.test": {}}, "credsStore": "all"})");
  AddFile(R"({"auths": {"a.test": {"auth": "bWU6cHc="}, "b.test": {"auth": "bWU6cHc="}}})");
  WriteHelper("all", "exit 1");
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "pw"})));
  EXPECT_THAT(LookUp("b.test"),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("docker-credential-all")));
}

}  // namespace
}  // namespace holkas
