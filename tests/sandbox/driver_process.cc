#include "tests/sandbox/driver_process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace holkas {
namespace {

constexpr unsigned kNobody = 65534;

// The programs, where nobody can execute them: build outputs may lie where it cannot go.
std::string ProgramDirectory() {
  static const std::string directory = [] {
    char name[] = "/tmp/holkas-programs-XXXXXX";
    const std::filesystem::path copy = mkdtemp(name);
    const std::filesystem::path built =
        std::filesystem::read_symlink("/proc/self/exe").parent_path();
    for (const char* program : {"attack_driver", "test_worker"}) {
      std::filesystem::copy_file(built / program, copy / program);
      std::filesystem::permissions(copy / program, std::filesystem::perms(0555));
    }
    std::filesystem::permissions(copy, std::filesystem::perms(0755));
    atexit([] { std::filesystem::remove_all(ProgramDirectory()); });
    return copy.string();
  }();
  return directory;
}

void Become(As user) {
  if (user == As::kNobody && geteuid() == 0 &&
      (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
       setresuid(kNobody, kNobody, kNobody) != 0)) {
    _exit(127);
  }
}

}  // namespace

bool Can(As user) { return geteuid() == 0 || (user == As::kNobody && geteuid() != 0); }

DriverProcess::DriverProcess(As user, const std::vector<std::string>& arguments) {
  const std::string program = ProgramDirectory() + "/attack_driver";
  const std::string worker = absl::StrCat("--worker=", ProgramDirectory(), "/test_worker");
  std::vector<char*> argv = {const_cast<char*>(program.c_str()), const_cast<char*>(worker.c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  // A secret that no worker may find.
  char secret[] = "HOLKAS_SECRET=a-secret-of-the-service";
  char* const environment[] = {secret, nullptr};
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    abort();
  }
  pid_ = fork();
  if (pid_ == 0) {
    dup2(fds[1], STDOUT_FILENO);
    Become(user);
    execve(program.c_str(), argv.data(), environment);
    _exit(127);
  }
  output_ = UniqueFd(fds[0]);
  close(fds[1]);
}

DriverProcess::~DriverProcess() { KillHard(); }

void DriverProcess::KillHard() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
}

std::string DriverProcess::ReadLine() {
  while (buffered_.find('\n') == std::string::npos) {
    char buffer[4096];
    const ssize_t size = read(output_.get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size <= 0) {
      return "";
    }
    buffered_.append(buffer, static_cast<size_t>(size));
  }
  const size_t end = buffered_.find('\n');
  std::string line = buffered_.substr(0, end);
  buffered_.erase(0, end + 1);
  return line;
}

std::vector<std::string> DriverProcess::ReadLines() {
  std::vector<std::string> lines;
  for (std::string line = ReadLine(); !line.empty(); line = ReadLine()) {
    lines.push_back(line);
  }
  return lines;
}

std::string StatusField(pid_t pid, absl::string_view field) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, field) && absl::ConsumePrefix(&rest, ":")) {
      return std::string(absl::StripAsciiWhitespace(rest));
    }
  }
  return "";
}

bool Lives(pid_t pid) {
  const std::string state = StatusField(pid, "State");
  return !state.empty() && state[0] != 'Z' && state[0] != 'X';
}

pid_t ChildOf(pid_t pid) {
  std::ifstream children(absl::StrCat("/proc/", pid, "/task/", pid, "/children"));
  pid_t child = -1;
  children >> child;
  return children.fail() ? -1 : child;
}

}  // namespace holkas
