#include "proto/credentials/auth_file_update.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/credentials/auth_file.h"
#include "proto/credentials/credential_key.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

using testing::HasSubstr;

const UserPassword kMe = {"me", "secret"};

class AuthFileUpdateTest : public testing::Test {
 protected:
  AuthFileUpdateTest() {
    root_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    path_ = root_ + "/auth.json";
  }

  void Write(const std::string& text) { std::ofstream(path_) << text; }

  std::string Contents() {
    std::stringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  // The user of the entry `key`; "none" without one.
  std::string UserOf(const std::string& key) {
    absl::StatusOr<AuthFile> file = AuthFile::Read(path_, AuthFileFormat::kAuths);
    if (!file.ok()) {
      return file.status().ToString();
    }
    auto entry = file->Find(*CredentialKey::Parse(key));
    const auto* login = entry.ok() ? std::get_if<UserPassword>(&*entry) : nullptr;
    return login == nullptr ? "none" : login->user;
  }

  size_t Files() {
    std::filesystem::directory_iterator begin(root_);
    return static_cast<size_t>(std::distance(begin, std::filesystem::directory_iterator()));
  }

  std::string root_;
  std::string path_;
};

mode_t ModeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(stat(path.c_str(), &info), 0);
  return info.st_mode & 07777;
}

TEST_F(AuthFileUpdateTest, NewFileIsTheUsersAlone) {
  path_ = root_ + "/new/er/auth.json";
  ASSERT_OK(SetAuth(path_, "a.test", kMe));
  EXPECT_EQ(Contents(),
            "{\n\t\"auths\": {\n\t\t\"a.test\": {\n\t\t\t\"auth\": \"bWU6c2VjcmV0\"\n"
            "\t\t}\n\t}\n}");
  EXPECT_EQ(ModeOf(path_), 0600u);
  EXPECT_EQ(ModeOf(root_ + "/new"), 0700u);
  EXPECT_EQ(ModeOf(root_ + "/new/er"), 0700u);
}

TEST_F(AuthFileUpdateTest, WhatElseIsInTheFileStays) {
  Write(R"({"psFormat": "table", "auths": {"b.test": {"auth": "eDp5", "email": "e", "n": 1.50},
            "a.test": {"identitytoken": "old"}}, "credHelpers": {"c.test": "h"},
            "HttpHeaders": {"X": ["<&>", 12345678901234567]}})");
  ASSERT_OK(SetAuth(path_, "a.test", kMe));
  EXPECT_EQ(Contents(), R"({
	"HttpHeaders": {
		"X": [
			"<&>",
			12345678901234567
		]
	},
	"auths": {
		"a.test": {
			"auth": "bWU6c2VjcmV0"
		},
		"b.test": {
			"auth": "eDp5",
			"email": "e",
			"n": 1.5
		}
	},
	"credHelpers": {
		"c.test": "h"
	},
	"psFormat": "table"
})");
}

TEST_F(AuthFileUpdateTest, ReadableFileBecomesTheUsersAlone) {
  Write("{}");
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  ASSERT_OK(SetAuth(path_, "a.test", kMe));
  EXPECT_EQ(ModeOf(path_), 0600u);
}

TEST_F(AuthFileUpdateTest, RemovedEntryIsGoneAndOthersStay) {
  Write(R"({"auths": {"a.test": {"auth": "bWU6cHc="}, "a.test/x": {"auth": "eW91OnB3"}}})");
  EXPECT_THAT(RemoveAuth(path_, "a.test"), IsOkAndHolds(true));
  EXPECT_EQ(UserOf("a.test"), "none");
  EXPECT_EQ(UserOf("a.test/x"), "you");
}

TEST_F(AuthFileUpdateTest, NothingToRemoveWritesNothing) {
  EXPECT_THAT(RemoveAuth(root_ + "/new/auth.json", "a.test"), IsOkAndHolds(false));
  EXPECT_EQ(Files(), 0u);
  Write(R"({"auths": {}})");
  EXPECT_THAT(RemoveAuth(path_, "a.test"), IsOkAndHolds(false));
  EXPECT_EQ(Contents(), R"({"auths": {}})");
}

TEST_F(AuthFileUpdateTest, RemovingAllKeepsDockersHelpers) {
  const std::string text =
      R"({"auths": {"a.test": {"auth": "bWU6cHc="}}, "credHelpers": {"b.test": "h"}, "x": 1})";
  Write(text);
  ASSERT_OK(RemoveAllAuths(path_, /*docker_compatible=*/false));
  EXPECT_EQ(Contents(), "{\n\t\"auths\": {},\n\t\"x\": 1\n}");
  Write(text);
  ASSERT_OK(RemoveAllAuths(path_, /*docker_compatible=*/true));
  EXPECT_EQ(
      Contents(),
      "{\n\t\"auths\": {},\n\t\"credHelpers\": {\n\t\t\"b.test\": \"h\"\n\t},\n\t\"x\": 1\n}");
}

TEST_F(AuthFileUpdateTest, MarkOfAStoreIsAnEmptyEntry) {
  ASSERT_OK(SetAuthInStore(path_, "a.test"));
  EXPECT_EQ(Contents(), "{\n\t\"auths\": {\n\t\t\"a.test\": {}\n\t}\n}");
}

TEST_F(AuthFileUpdateTest, MalformedFileStays) {
  for (const char* text : {"", "{", "[]", R"({"auths": []})", R"({"credHelpers": 1})"}) {
    Write(text);
    for (const absl::Status& status :
         {SetAuth(path_, "a.test", kMe), RemoveAllAuths(path_, /*docker_compatible=*/false),
          RemoveAuth(path_, "a.test").status()}) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr(path_)));
      EXPECT_EQ(ErrorReason(status), "CREDENTIALS_UNAVAILABLE");
    }
    EXPECT_EQ(Contents(), text);
    EXPECT_EQ(Files(), 1u);
  }
}

TEST_F(AuthFileUpdateTest, SymbolicLinkStaysALink) {
  std::filesystem::create_directories(root_ + "/dotfiles");
  std::ofstream(root_ + "/dotfiles/real.json") << "{}";
  std::filesystem::create_symlink("dotfiles/real.json", path_);
  ASSERT_OK(SetAuth(path_, "a.test", kMe));
  EXPECT_TRUE(std::filesystem::is_symlink(path_));
  EXPECT_EQ(UserOf("a.test"), "me");
}

TEST_F(AuthFileUpdateTest, PathThatCannotBeIsNamed) {
  Write("{}");
  EXPECT_THAT(SetAuth(path_ + "/sub/auth.json", "a.test", kMe),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("Not a directory")));
  std::filesystem::create_directories(root_ + "/directory");
  EXPECT_THAT(SetAuth(root_ + "/directory", "a.test", kMe),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("is not a regular file")));
}

// Runs `body` in a process of its own.
template <typename Body>
pid_t Fork(Body body) {
  pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(0);
  }
  return pid;
}

TEST_F(AuthFileUpdateTest, FiftyLoginsAtOnceAllStay) {
  constexpr int kLogins = 50;
  Write(R"({"auths": {"first.test": {"auth": "bWU6cHc="}}})");
  std::vector<pid_t> processes;
  for (int i = 0; i < kLogins; ++i) {
    processes.push_back(Fork([&] {
      if (!SetAuth(path_, absl::StrCat("r", i, ".test"), kMe).ok()) {
        _exit(1);
      }
    }));
  }
  for (pid_t pid : processes) {
    int status = -1;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(UserOf("first.test"), "me");
  for (int i = 0; i < kLogins; ++i) {
    EXPECT_EQ(UserOf(absl::StrCat("r", i, ".test")), "me");
  }
  EXPECT_EQ(Files(), 1u);
}

// Whether the process is writing a new file: it has read the old one.
bool IsWriting(pid_t pid) {
  std::error_code gone;
  for (const auto& entry :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/fd"), gone)) {
    std::string file = std::filesystem::read_symlink(entry.path(), gone);
    if (absl::EndsWith(file, " (deleted)")) {
      return true;
    }
  }
  return false;
}

bool HasEnded(pid_t pid) {
  siginfo_t info = {};
  waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid != 0;
}

// Another program does not know our lock: what it writes while a change is being made is there in
// the end, unless it comes within the few microseconds between comparison and rename.
TEST_F(AuthFileUpdateTest, ChangeByAnotherProgramIsNotLost) {
  constexpr int kRounds = 40;
  std::string filler;
  for (int i = 0; i < 5000; ++i) {
    absl::StrAppend(&filler, ",\"filler", i, ".test\": {\"auth\": \"bWU6cHc=\"}");
  }
  const std::string theirs =
      absl::StrCat(R"({"auths": {"other.test": {"auth": "eW91OnB3"})", filler, "}}");
  int lost = 0;
  int together = 0;
  for (int round = 0; round < kRounds; ++round) {
    Write(absl::StrCat(R"({"auths": {"first.test": {"auth": "bWU6cHc="})", filler, "}}"));
    std::ofstream(root_ + "/theirs") << theirs;
    pid_t login = Fork([&] { _exit(SetAuth(path_, "a.test", kMe).ok() ? 0 : 1); });
    while (!IsWriting(login) && !HasEnded(login)) {
    }
    ASSERT_EQ(rename((root_ + "/theirs").c_str(), path_.c_str()), 0);
    int status = -1;
    ASSERT_EQ(waitpid(login, &status, 0), login);
    ASSERT_EQ(status, 0);
    lost += UserOf("other.test") == "you" ? 0 : 1;
    together += UserOf("other.test") == "you" && UserOf("a.test") == "me" ? 1 : 0;
  }
  EXPECT_LE(lost, kRounds / 10);
  EXPECT_GE(together, kRounds / 2);
}

TEST_F(AuthFileUpdateTest, WhoeverIsKilledLeavesAWholeFile) {
  constexpr int kRounds = 100;
  std::string large = R"({"auths": {"first.test": {"auth": "bWU6cHc="})";
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&large, ",\"filler", i, ".test\": {\"auth\": \"bWU6cHc=\"}");
  }
  Write(large + "}}");
  std::mt19937 random(1);
  int killed_with_change = 0;
  std::string last = Contents();
  for (int round = 0; round < kRounds; ++round) {
    pid_t pid = Fork([&] {
      for (int i = 0;; ++i) {
        (void)SetAuth(path_, "a.test", {absl::StrCat("u", round, "-", i), "pw"});
      }
    });
    usleep(random() % 60000);
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    std::string now = Contents();
    killed_with_change += now == last ? 0 : 1;
    last = now;
    ASSERT_EQ(UserOf("first.test"), "me") << "round " << round;
    ASSERT_EQ(UserOf("filler199.test"), "me") << "round " << round;
  }
  EXPECT_GT(killed_with_change, kRounds / 10);
  // A lock goes with its process, and what one left behind goes with the next change.
  EXPECT_OK(SetAuth(path_, "a.test", kMe));
  EXPECT_EQ(Files(), 1u);
}

TEST_F(AuthFileUpdateTest, WhatWasLeftBehindIsReplaced) {
  std::ofstream(root_ + "/.auth.json.holkas") << "half";
  ASSERT_OK(SetAuth(path_, "a.test", kMe));
  EXPECT_EQ(UserOf("a.test"), "me");
  EXPECT_EQ(Files(), 1u);
}

TEST_F(AuthFileUpdateTest, LockThatIsHeldIsWaitedFor) {
  UniqueFd directory(open(root_.c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_EQ(flock(directory.get(), LOCK_EX), 0);
  pid_t login = Fork([&] {
    directory.reset();  // or it would hold the lock too
    _exit(SetAuth(path_, "a.test", kMe).ok() ? 0 : 1);
  });
  // It is not done before the lock is free.
  int status = -1;
  poll(nullptr, 0, 100);
  EXPECT_EQ(waitpid(login, &status, WNOHANG), 0);
  EXPECT_FALSE(std::filesystem::exists(path_));
  directory.reset();
  ASSERT_EQ(waitpid(login, &status, 0), login);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(UserOf("a.test"), "me");
}

}  // namespace
}  // namespace holkas
