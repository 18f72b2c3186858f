// --authfile of the commands that read images, for private servers and for others.

#include "clients/cli/auth_file_flag.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "clients/cli/testing/command_line_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr char kApp[] = "docker://fake.example/app";
// me:right
constexpr char kMine[] = R"({"auths": {"fake.example": {"auth": "bWU6cmlnaHQ="}}})";

class AuthFileFlagTest : public CommandLineTest {
 protected:
  AuthFileFlagTest() {
    root_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    helper_path_ = absl::StrCat(root_, ":/usr/bin:/bin");
  }

  std::string Write(const std::string& name, const std::string& text) {
    std::string path = absl::StrCat(root_, "/", name);
    std::ofstream(path) << text;
    return path;
  }

  std::string root_;
};

TEST_F(AuthFileFlagTest, PrivateServerReadsTheFileItself) {
  server_variable_ = "";
  EXPECT_EQ(Run({"inspect", "--authfile=sub/auth.json", kApp}), 0);
  EXPECT_EQ(address_, "");
  EXPECT_EQ(service_.inspect_request().registry().auth_file(), "/home/me/sub/auth.json");
  EXPECT_EQ(Run({"inspect", "--authfile=/abs/auth.json", kApp}), 0);
  EXPECT_EQ(service_.inspect_request().registry().auth_file(), "/abs/auth.json");
  EXPECT_EQ(Run({"inspect", "--authfile=", kApp}), 0);
  EXPECT_EQ(service_.inspect_request().registry().auth_file(), "");
}

TEST_F(AuthFileFlagTest, DeleteAndListTagsTakeIt) {
  server_variable_ = "";
  Run({"delete", "--authfile=/abs/auth.json", kApp});
  EXPECT_EQ(service_.delete_request().registry().auth_file(), "/abs/auth.json");
  Run({"list-tags", "--authfile=/abs/auth.json", kApp});
  EXPECT_EQ(service_.list_tags_request().registry().auth_file(), "/abs/auth.json");
}

TEST_F(AuthFileFlagTest, CopyHasOneFileForBothOrTwo) {
  server_variable_ = "";
  EXPECT_EQ(
      Run({"copy", "--authfile=/both", "--dest-authfile=/dest", kApp, "docker://fake.example/to"}),
      0);
  EXPECT_EQ(service_.copy_request().source_registry().auth_file(), "/both");
  EXPECT_EQ(service_.copy_request().destination_registry().auth_file(), "/dest");
  EXPECT_EQ(Run({"copy", "--src-authfile=/src", kApp, "docker://fake.example/to"}), 0);
  EXPECT_EQ(service_.copy_request().source_registry().auth_file(), "/src");
  EXPECT_EQ(service_.copy_request().destination_registry().auth_file(), "");
}

TEST_F(AuthFileFlagTest, ExplicitCredentialsGoBeforeTheFile) {
  server_variable_ = "";
  for (const char* flag : {"--creds=a:b", "--no-creds", "--registry-token=t"}) {
    EXPECT_EQ(Run({"inspect", "--authfile=/abs/auth.json", flag, kApp}), 0);
    EXPECT_EQ(service_.inspect_request().registry().auth_file(), "") << flag;
    EXPECT_NE(service_.inspect_request().registry().credentials_case(),
              holkas::v1::RegistryAccess::CREDENTIALS_NOT_SET);
  }
}

TEST_F(AuthFileFlagTest, OtherTransportsNeedNoFile) {
  EXPECT_EQ(Run({"copy", "--authfile", Write("bad.json", "{"), "dir:x", "dir:y"}), 1);
  EXPECT_THAT(err_, HasSubstr("no such fake"));
  EXPECT_FALSE(service_.copy_request().source_registry().has_anonymous());
}

TEST_F(AuthFileFlagTest, ForeignServerGetsTheCredentialsOfTheFile) {
  EXPECT_EQ(Run({"inspect", "--authfile", Write("auth.json", kMine), kApp}), 0);
  holkas::v1::RegistryAccess access = service_.inspect_request().registry();
  EXPECT_EQ(access.basic().username(), "me");
  EXPECT_EQ(access.basic().password(), "right");
  EXPECT_EQ(access.auth_file(), "");
  EXPECT_EQ(Run({"inspect", "--server=unix:/x", "--authfile", root_ + "/auth.json", kApp}), 0);
  EXPECT_EQ(service_.inspect_request().registry().basic().username(), "me");
}

TEST_F(AuthFileFlagTest, ForeignServerGetsNothingThatNoFlagNames) {
  auth_environment_.home = root_;
  auth_environment_.registry_auth_file = Write("auth.json", kMine);
  EXPECT_EQ(Run({"inspect", kApp}), 0);
  EXPECT_EQ(service_.inspect_request().registry().credentials_case(),
            holkas::v1::RegistryAccess::CREDENTIALS_NOT_SET);
}

// The file is the only place to look at: not the server's own ones either.
TEST_F(AuthFileFlagTest, FileWithoutCredentialsMeansAnonymous) {
  for (const std::string& file : {root_ + "/missing.json", Write("empty.json", "{}")}) {
    EXPECT_EQ(Run({"inspect", "--authfile", file, kApp}), 0);
    EXPECT_TRUE(service_.inspect_request().registry().anonymous());
  }
}

TEST_F(AuthFileFlagTest, HelpersOfTheFileAreAskedForAForeignServer) {
  std::string helper =
      Write("docker-credential-test", "#!/bin/sh\necho '{\"Username\":\"h\",\"Secret\":\"s\"}'\n");
  ASSERT_EQ(chmod(helper.c_str(), 0755), 0);
  std::string file = Write("auth.json", R"({"credHelpers": {"fake.example": "test"}})");
  EXPECT_EQ(Run({"copy", "--authfile", file, kApp, "docker://other.example/to"}), 0);
  EXPECT_EQ(service_.copy_request().source_registry().basic().username(), "h");
  EXPECT_TRUE(service_.copy_request().destination_registry().anonymous());
}

TEST_F(AuthFileFlagTest, PipeOfTheShellIsReadHere) {
  server_variable_ = "";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], kMine, strlen(kMine)), static_cast<ssize_t>(strlen(kMine)));
  close(ends[1]);
  EXPECT_EQ(Run({"inspect", absl::StrCat("--authfile=/dev/fd/", ends[0]), kApp}), 0);
  close(ends[0]);
  EXPECT_EQ(service_.inspect_request().registry().basic().username(), "me");
  EXPECT_EQ(service_.inspect_request().registry().auth_file(), "");
}

TEST_F(AuthFileFlagTest, MalformedFileIsNamedAndNotShown) {
  std::string file = Write("bad.json", R"({"auths": {"fake.example": {"auth": "SECRET!"}}})");
  EXPECT_EQ(Run({"inspect", "--authfile", file, kApp}), 1);
  EXPECT_THAT(
      err_,
      EndsWith(Fatal(absl::StrCat(R"(Error parsing image name \"docker://fake.example/app\": )",
                                  R"(getting username and password: reading JSON file \")", file,
                                  R"(\": the \"auth\" of an entry is not base64)"))));
  EXPECT_THAT(err_, Not(HasSubstr("SECRET")));
  EXPECT_EQ(Run({"copy", "--src-authfile", file, kApp, "dir:x"}), 1);
  EXPECT_THAT(err_, HasSubstr("msg=\"initializing source docker://fake.example/app: getting"));
}

TEST_F(AuthFileFlagTest, IdentityTokenIsSentAsOne) {
  std::string file = Write("t.json", R"({"auths": {"fake.example": {"identitytoken": "SECRET"}}})");
  Run({"inspect", "--authfile", file, kApp});
  EXPECT_EQ(service_.inspect_request().registry().identity_token(), "SECRET");
  EXPECT_THAT(err_, Not(HasSubstr("SECRET")));
}

}  // namespace
}  // namespace holkas
