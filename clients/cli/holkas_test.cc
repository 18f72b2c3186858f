// The program itself with a server of its own: what ends, how, and what is left behind.

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kPrograms[] = "clients/cli/testing/programs/";
constexpr absl::Duration kPatience = absl::Seconds(20);

// A copy of the programs in a directory of the test's own, so that its processes can be told apart.
class HolkasTest : public testing::Test {
 protected:
  HolkasTest() : directory_(testing::TempDir() + "/holkas-XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    // As /proc spells it.
    std::unique_ptr<char, void (*)(void*)> real(realpath(directory_.c_str(), nullptr), &free);
    directory_ = real.get();
    for (const char* name : {"holkas", "holkasd"}) {
      std::ofstream(absl::StrCat(directory_, "/", name))
          << std::ifstream(absl::StrCat(kPrograms, name)).rdbuf();
      chmod(absl::StrCat(directory_, "/", name).c_str(), 0755);
    }
  }

  // Starts holkas; its output is to be read with ReadOut and ReadErr.
  void Start(std::vector<std::string> arguments) {
    int out[2];
    int err[2];
    ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
    ASSERT_EQ(pipe2(err, O_CLOEXEC), 0);
    std::string program = directory_ + "/holkas";
    arguments.insert(arguments.begin(), program);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) {
      pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      dup2(err[1], STDERR_FILENO);
      execv(program.c_str(), pointers.data());
      _exit(126);
    }
    out_.reset(out[0]);
    err_.reset(err[0]);
    close(out[1]);
    close(err[1]);
  }

  // Reads standard output until `text` has come.
  void WaitForOutput(const std::string& text) {
    std::string got;
    char buffer[4096];
    while (!absl::StrContains(got, text)) {
      ssize_t size = read(out_.get(), buffer, sizeof(buffer));
      ASSERT_GT(size, 0) << "ended with " << got << ReadAll(err_);
      got.append(buffer, static_cast<size_t>(size));
    }
  }

  static std::string ReadAll(const UniqueFd& fd) {
    std::string all;
    char buffer[4096];
    for (ssize_t size; (size = read(fd.get(), buffer, sizeof(buffer))) > 0;) {
      all.append(buffer, static_cast<size_t>(size));
    }
    return all;
  }

  // Waits for the end of holkas: its exit code, or minus the signal.
  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  // How many processes run a program of the test's directory.
  int Processes() const {
    int count = 0;
    DIR* proc = opendir("/proc");
    while (const dirent* entry = readdir(proc)) {
      char exe[4096];
      ssize_t size =
          readlink(absl::StrCat("/proc/", entry->d_name, "/exe").c_str(), exe, sizeof(exe));
      if (size > 0 && absl::StartsWith(std::string(exe, static_cast<size_t>(size)), directory_)) {
        ++count;
      }
    }
    closedir(proc);
    return count;
  }

  // Whether all processes of the test's directory end.
  bool AllEnd() const {
    absl::Time deadline = absl::Now() + kPatience;
    while (Processes() > 0) {
      if (absl::Now() > deadline) {
        return false;
      }
      poll(nullptr, 0, 5);
    }
    return true;
  }

  std::string directory_;
  pid_t pid_ = -1;
  UniqueFd out_;
  UniqueFd err_;
};

TEST_F(HolkasTest, SuccessLeavesNoProcess) {
  Start({"inspect", "--raw", "docker://fake.example/app"});
  EXPECT_EQ(ReadAll(out_), "{\"raw\": 1}");
  EXPECT_EQ(ReadAll(err_), "");
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(Processes(), 0);
}

TEST_F(HolkasTest, ErrorLeavesNoProcess) {
  Start({"copy", "docker://fake.example/missing", "dir:/x"});
  EXPECT_THAT(ReadAll(err_), HasSubstr("manifest unknown"));
  EXPECT_EQ(Wait(), 2);
  EXPECT_EQ(Processes(), 0);
}

TEST_F(HolkasTest, SignalsCancelAndLeaveNoProcess) {
  struct Case {
    int signal_number;
    int exit_code;
  };
  for (const Case& c : {Case{SIGINT, 130}, Case{SIGTERM, 143}, Case{SIGHUP, 129}}) {
    Start({"copy", "docker://fake.example/stall", "dir:/x"});
    WaitForOutput("Getting image source signatures\n");
    EXPECT_EQ(Processes(), 2);
    kill(pid_, c.signal_number);
    EXPECT_EQ(Wait(), c.exit_code);
    EXPECT_EQ(Processes(), 0);
    EXPECT_THAT(ReadAll(err_), HasSubstr(absl::StrCat("interrupted by signal ", c.signal_number)));
  }
}

TEST_F(HolkasTest, KilledCommandLineTakesItsServerWithIt) {
  Start({"copy", "docker://fake.example/stall", "dir:/x"});
  WaitForOutput("Getting image source signatures\n");
  kill(pid_, SIGKILL);
  EXPECT_EQ(Wait(), -SIGKILL);
  EXPECT_TRUE(AllEnd());
}

TEST_F(HolkasTest, ServerThatDiesIsExplained) {
  Start({"inspect", "docker://fake.example/die"});
  EXPECT_THAT(ReadAll(err_), HasSubstr("private server: holkasd exited with status 3: holkasd: no "
                                       "sandbox on this kernel"));
  EXPECT_EQ(Wait(), 1);
  EXPECT_EQ(Processes(), 0);
}

TEST_F(HolkasTest, ServerThatIsMissingIsNamed) {
  ASSERT_EQ(unlink((directory_ + "/holkasd").c_str()), 0);
  Start({"inspect", "docker://fake.example/app"});
  EXPECT_THAT(ReadAll(err_), HasSubstr(absl::StrCat("start private server ", directory_,
                                                    "/holkasd: No such file or directory")));
  EXPECT_EQ(Wait(), 1);
}

TEST_F(HolkasTest, StubbornServerIsKilled) {
  std::ofstream(directory_ + "/stubborn") << "yes";
  Start({"--command-timeout=100ms", "inspect", "docker://fake.example/app"});
  EXPECT_THAT(ReadAll(err_), HasSubstr("context deadline exceeded"));
  EXPECT_EQ(Wait(), 1);
  EXPECT_EQ(Processes(), 0);
}

TEST_F(HolkasTest, SecondSignalEndsAtOnce) {
  std::ofstream(directory_ + "/stubborn") << "yes";
  Start({"inspect", "docker://fake.example/app"});
  absl::Time deadline = absl::Now() + kPatience;
  while (Processes() < 2 && absl::Now() < deadline) {
    poll(nullptr, 0, 5);
  }
  // The first of them cancels; then holkas waits for the server, unless another one comes.
  absl::Time start = absl::Now();
  siginfo_t ended = {};
  while (ended.si_pid == 0 && absl::Now() < deadline) {
    kill(pid_, SIGINT);
    poll(nullptr, 0, 5);
    waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
  }
  EXPECT_LT(absl::Now() - start, absl::Seconds(2));
  EXPECT_EQ(Wait(), 130);
  EXPECT_TRUE(AllEnd());
}

TEST_F(HolkasTest, VersionStartsNoServer) {
  ASSERT_EQ(unlink((directory_ + "/holkasd").c_str()), 0);
  Start({"--version"});
  EXPECT_THAT(ReadAll(out_), StartsWith("holkas version "));
  EXPECT_EQ(Wait(), 0);
}

}  // namespace
}  // namespace holkas
