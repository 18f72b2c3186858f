#include "proto/credentials/credential_helper.h"

#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::VariantWith;

class CredentialHelperTest : public testing::Test {
 protected:
  CredentialHelperTest() {
    root_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_ + "/bin");
    path_ = absl::StrCat("relative:/nonexistent:", root_, "/bin:/usr/bin:/bin");
  }

  // The helper `test`, a shell script.
  CredentialHelper Helper(const std::string& script,
                          absl::Duration time_limit = absl::Seconds(10)) {
    std::string program = root_ + "/bin/docker-credential-test";
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    EXPECT_EQ(chmod(program.c_str(), 0755), 0);
    return *CredentialHelper::Find("test", path_, time_limit);
  }

  std::string Contents(const std::string& name) {
    std::stringstream text;
    text << std::ifstream(absl::StrCat(root_, "/", name)).rdbuf();
    return text.str();
  }

  std::string root_;
  std::string path_;
};

void ExpectUnavailable(const absl::Status& status, const std::string& message) {
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated, message));
  EXPECT_EQ(ErrorReason(status), "CREDENTIALS_UNAVAILABLE");
}

TEST_F(CredentialHelperTest, GetSendsTheServerAndTakesTheAnswer) {
  CredentialHelper helper =
      Helper(absl::StrCat("echo \"$# $1\" > ", root_, "/arguments\ncat > ", root_,
                          "/input\necho '{\"ServerURL\":\"x\",\"Username\":\"me\",\"Secret\":"
                          "\"pa:ss\"}'"));
  EXPECT_THAT(helper.Get("a.test:5000"),
              IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "pa:ss"})));
  EXPECT_EQ(Contents("arguments"), "1 get\n");
  EXPECT_EQ(Contents("input"), "a.test:5000");
}

TEST_F(CredentialHelperTest, TokenUserMeansIdentityToken) {
  EXPECT_THAT(Helper(R"(echo '{"Username":"<token>","Secret":"tok"}')").Get("a.test"),
              IsOkAndHolds(VariantWith<IdentityToken>(IdentityToken{"tok", ""})));
}

TEST_F(CredentialHelperTest, UnknownServerHasNone) {
  EXPECT_THAT(Helper("echo credentials not found in native keychain; exit 1").Get("a.test"),
              IsOkAndHolds(VariantWith<NoCredentials>(NoCredentials())));
  EXPECT_THAT(Helper("echo '{}'").Get("a.test"),
              IsOkAndHolds(VariantWith<NoCredentials>(NoCredentials())));
}

TEST_F(CredentialHelperTest, FailureIsToldWithoutWhatTheHelperSaid) {
  ExpectUnavailable(Helper("echo SECRET; echo SECRET >&2; exit 3").Get("a.test").status(),
                    "docker-credential-test get: exit status 3");
  ExpectUnavailable(Helper("kill -9 $$").Get("a.test").status(),
                    "docker-credential-test get: signal 9");
  ExpectUnavailable(Helper("echo SECRET").Get("a.test").status(),
                    "docker-credential-test get: its answer is not a JSON object");
  ExpectUnavailable(Helper(R"(echo '{"Secret":"SECRET"}')").Get("a.test").status(),
                    "docker-credential-test get: its answer has no user name");
  ExpectUnavailable(Helper("echo SECRET; exit 1").Erase("a.test"),
                    "docker-credential-test erase: exit status 1");
  ExpectUnavailable(Helper("cat; exit 1").Store("a.test", {"me", "SECRET"}),
                    "docker-credential-test store: exit status 1");
}

TEST_F(CredentialHelperTest, StoreSendsJson) {
  CredentialHelper helper = Helper(absl::StrCat("[ $1 = store ] && cat > ", root_, "/input"));
  EXPECT_OK(helper.Store("a.test", {"me", "p\"w\xc3\xa9"}));
  EXPECT_EQ(Contents("input"),
            "{\"Secret\":\"p\\\"w\xc3\xa9\",\"ServerURL\":\"a.test\",\"Username\":\"me\"}");
}

TEST_F(CredentialHelperTest, EraseSendsTheServer) {
  CredentialHelper helper = Helper(absl::StrCat("[ $1 = erase ] && cat > ", root_, "/input"));
  EXPECT_OK(helper.Erase("a.test"));
  EXPECT_EQ(Contents("input"), "a.test");
  absl::Status status =
      Helper("echo credentials not found in native keychain; exit 1").Erase("a.test");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(CredentialHelperTest, LongAnswerIsRefused) {
  ExpectUnavailable(Helper("yes SECRET").Get("a.test").status(),
                    "docker-credential-test get: it says more than 65536 bytes");
}

// Whether the process exists, as something else than a zombie.
bool Runs(int pid) {
  std::ifstream stat(absl::StrCat("/proc/", pid, "/stat"));
  std::string number, name, state;
  return (stat >> number >> name >> state) && state != "Z";
}

TEST_F(CredentialHelperTest, SlowHelperIsKilledWithItsChildren) {
  CredentialHelper helper = Helper(
      absl::StrCat("sleep 1000 & echo $! > ", root_, "/child; echo $$ > ", root_, "/self; wait"),
      absl::Milliseconds(300));
  absl::Time start = absl::Now();
  ExpectUnavailable(helper.Get("a.test").status(),
                    "docker-credential-test get: it did not end within 300ms");
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  for (const char* name : {"self", "child"}) {
    int pid = 0;
    ASSERT_TRUE(absl::SimpleAtoi(Contents(name), &pid)) << name;
    absl::Time deadline = absl::Now() + absl::Seconds(10);
    while (Runs(pid) && absl::Now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_FALSE(Runs(pid)) << name;
  }
}

TEST_F(CredentialHelperTest, ProcessLeftBehindIsNotWaitedFor) {
  CredentialHelper helper = Helper(absl::StrCat(
      "echo '{\"Username\":\"me\",\"Secret\":\"x\"}'; sleep 1000 & echo $! > ", root_, "/child"));
  absl::Time start = absl::Now();
  EXPECT_THAT(helper.Get("a.test"),
              IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", "x"})));
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  int child = 0;
  ASSERT_TRUE(absl::SimpleAtoi(Contents("child"), &child));
  EXPECT_EQ(kill(child, SIGKILL), 0);
}

TEST_F(CredentialHelperTest, OnlyThreeDescriptorsAreGivenToIt) {
  int leaked = dup(0);
  ASSERT_GE(leaked, 3);
  CredentialHelper helper =
      Helper(absl::StrCat("ls -l /proc/self/fd > ", root_, "/fds; echo '{}'"));
  EXPECT_OK(helper.Get("a.test"));
  // The fourth is ls's own.
  EXPECT_THAT(Contents("fds"), AllOf(HasSubstr(" 2 -> /dev/null"), Not(HasSubstr(" 4 -> "))));
  close(leaked);
}

TEST_F(CredentialHelperTest, ListGivesTheServersAlone) {
  CredentialHelper helper = Helper(absl::StrCat(
      "echo \"$1\" > ", root_, "/verb; echo '{\"a.test\":\"me\",\"https://b.test/v1/\":\"x\"}'"));
  EXPECT_THAT(helper.List(), IsOkAndHolds(ElementsAre("a.test", "https://b.test/v1/")));
  EXPECT_EQ(Contents("verb"), "list\n");
  EXPECT_THAT(Helper("echo '{}'").List(), IsOkAndHolds(IsEmpty()));
  ExpectUnavailable(Helper("echo SECRET; exit 3").List().status(),
                    "docker-credential-test list: exit status 3");
  ExpectUnavailable(Helper("echo '[\"SECRET\"]'").List().status(),
                    "docker-credential-test list: its answer is not a JSON object");
}

TEST_F(CredentialHelperTest, NamesThatLeadElsewhereAreRefused) {
  for (const char* name : {"", "../x", "a/b", "a b", "a\n", "a;b", "$x"}) {
    absl::Status status = CredentialHelper::Find(name, path_).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated,
                                 HasSubstr("its name is not of A-Z, a-z, 0-9, _, . and -")));
  }
}

TEST_F(CredentialHelperTest, ProgramIsFoundInAbsoluteDirectoriesAlone) {
  absl::Status status = CredentialHelper::Find("other", path_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated,
                               "docker-credential-other: executable file not found in $PATH"));
  EXPECT_EQ(ErrorReason(status), "CREDENTIALS_UNAVAILABLE");
  EXPECT_FALSE(CredentialHelper::IsInstalled("other", path_));
  // Not a program: no right to execute, a directory.
  std::ofstream(root_ + "/bin/docker-credential-text") << "x";
  std::filesystem::create_directories(root_ + "/bin/docker-credential-directory");
  EXPECT_THAT(CredentialHelper::Find("text", path_), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(CredentialHelper::Find("directory", path_),
              StatusIs(absl::StatusCode::kUnauthenticated));
  Helper("");
  EXPECT_TRUE(CredentialHelper::IsInstalled("test", path_));
  std::filesystem::current_path(root_ + "/bin");
  EXPECT_THAT(CredentialHelper::Find("test", ":.:relative"),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(CredentialHelperTest, ProgramThatCannotBeRunIsNamed) {
  std::string program = root_ + "/bin/docker-credential-broken";
  std::ofstream(program) << "#!/nonexistent/interpreter\n";
  ASSERT_EQ(chmod(program.c_str(), 0755), 0);
  ASSERT_OK_AND_ASSIGN(CredentialHelper helper, CredentialHelper::Find("broken", path_));
  ExpectUnavailable(helper.Get("a.test").status(),
                    "docker-credential-broken get: No such file or directory");
}

TEST_F(CredentialHelperTest, ManyThreadsMayAskAtOnce) {
  CredentialHelper helper = Helper(R"(read s; echo "{\"Username\":\"me\",\"Secret\":\"$s\"}")");
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&helper, i] {
      std::string server = absl::StrCat("server", i);
      EXPECT_THAT(helper.Get(server),
                  IsOkAndHolds(VariantWith<UserPassword>(UserPassword{"me", server})));
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace holkas
