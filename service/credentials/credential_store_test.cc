#include "service/credentials/credential_store.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using testing::HasSubstr;
using testing::VariantWith;

constexpr char kRepository[] = "reg.example.com:5000/team/app";
// me:secret and you:other
constexpr char kMine[] = R"({"auths": {"reg.example.com:5000": {"auth": "bWU6c2VjcmV0"}}})";
constexpr char kYours[] = R"({"auths": {"reg.example.com:5000": {"auth": "eW91Om90aGVy"}}})";

class CredentialStoreTest : public testing::Test {
 protected:
  CredentialStoreTest() {
    root_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(root_);
  }

  std::string Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
  }

  // A helper that says `text`.
  void WriteHelper(const std::string& name, const std::string& text) {
    std::string program =
        Write("bin/docker-credential-" + name, "#!/bin/sh\ncat <<'END'\n" + text + "\nEND\n");
    ASSERT_EQ(chmod(program.c_str(), 0755), 0);
    settings_.helper_path = root_ + "/bin:/usr/bin:/bin";
  }

  absl::StatusOr<StoredCredentials> LookUp() {
    return LookUpCredentials(settings_, helpers_, access_, kRepository);
  }

  std::string root_;
  CredentialSettings settings_;
  std::vector<std::string> helpers_;
  v1::RegistryAccess access_;
};

TEST_F(CredentialStoreTest, WithoutFilesThereAreNone) {
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<NoCredentials>(NoCredentials())));
}

TEST_F(CredentialStoreTest, TheRequestsOwnGoBeforeFiles) {
  settings_.auth_files = {Write("auth.json", kMine)};
  access_.mutable_basic()->set_username("a");
  access_.mutable_basic()->set_password("b");
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"a", "b"})));
  access_.set_identity_token("refresh");
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<IdentityToken>(IdentityToken{"refresh", ""})));
  access_.set_bearer_token("t");
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<BearerToken>(BearerToken{"t"})));
  access_.set_anonymous(true);
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<NoCredentials>(NoCredentials())));
}

TEST_F(CredentialStoreTest, TheFirstConfiguredFileThatHasSomeWins) {
  settings_.auth_files = {root_ + "/missing.json", Write("empty.json", "{}"),
                          Write("a.json", kMine), Write("b.json", kYours)};
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "secret"})));
}

TEST_F(CredentialStoreTest, TheRequestsFileTakesThePlaceOfAllOthers) {
  settings_.auth_files = {Write("a.json", kMine)};
  access_.set_auth_file(Write("b.json", kYours));
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"you", "other"})));
  access_.set_auth_file(Write("c.json", "{}"));
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<NoCredentials>(NoCredentials())));
}

TEST_F(CredentialStoreTest, PrivateServerSearchesAsItsUser) {
  settings_.environment.emplace();
  settings_.environment->home = root_;
  settings_.environment->xdg_runtime_dir = root_ + "/run";
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<NoCredentials>(NoCredentials())));
  Write(".docker/config.json", kMine);
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "secret"})));
  Write("run/containers/auth.json", kYours);
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"you", "other"})));
}

TEST_F(CredentialStoreTest, HelpersAreAskedInASecondStep) {
  settings_.auth_files = {
      Write("a.json", R"({"credHelpers": {"reg.example.com:5000": "test"}})"),
      Write("b.json", kYours),
  };
  ASSERT_OK_AND_ASSIGN(StoredCredentials found, LookUp());
  ASSERT_THAT(found, VariantWith<HelperQuestion>(testing::_));
  auto question = std::get<HelperQuestion>(found);
  EXPECT_EQ(question.helper, (HelperEntry{"test", "reg.example.com:5000"}));
  WriteHelper("test", R"({"Username": "helped", "Secret": "x"})");
  EXPECT_THAT(ResolveHelper(settings_, question),
              IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"helped", "x"})));
  WriteHelper("test", R"({"Username": "", "Secret": ""})");
  EXPECT_THAT(ResolveHelper(settings_, question),
              IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"you", "other"})));
}

TEST_F(CredentialStoreTest, HelpersOfTheRegistriesConfigurationHaveTheirPlaces) {
  settings_.auth_files = {Write("a.json", kMine)};
  helpers_ = {"containers-auth.json", "test"};
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "secret"})));
  helpers_ = {"test", "containers-auth.json"};
  EXPECT_THAT(LookUp(), IsOkAndHolds(VariantWith<HelperQuestion>(testing::_)));
}

TEST_F(CredentialStoreTest, MalformedFileIsNamedAndNotShown) {
  settings_.auth_files = {Write("a.json", R"({"auths": {"secret"}})")};
  absl::Status status = LookUp().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("a.json\": it is")));
  EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("secret")));
  EXPECT_EQ(ErrorReason(status), "CREDENTIALS_UNAVAILABLE");
}

}  // namespace
}  // namespace holkas
