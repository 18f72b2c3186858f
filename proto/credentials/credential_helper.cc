#include "proto/credentials/credential_helper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "proto/wire/wipe.h"

namespace holkas {
namespace {

using nlohmann::json;

constexpr size_t kMaxOutputBytes = 64 << 10;
constexpr size_t kMaxNameBytes = 128;
// The helpers' word for a server that they do not know, and the user name of an identity token.
constexpr absl::string_view kNotFound = "credentials not found in native keychain";
constexpr absl::string_view kTokenUser = "<token>";

absl::Status Unavailable(absl::string_view message) {
  return MakeError(absl::StatusCode::kUnauthenticated, "CREDENTIALS_UNAVAILABLE", message);
}

bool IsProgram(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && access(path.c_str(), X_OK) == 0;
}

// Out of the way of the numbers 0 to 2, which the program gets one after the other.
UniqueFd MoveUp(UniqueFd fd) {
  constexpr int kAbove = 3;
  return fd.get() >= kAbove ? std::move(fd) : UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, kAbove));
}

// A file in memory with `text`, to be read from its start; a pipe might not take all of it.
absl::StatusOr<UniqueFd> FileWith(absl::string_view text) {
  UniqueFd file(memfd_create("credential-helper", MFD_CLOEXEC));
  bool written = file.valid() && (text.empty() || write(file.get(), text.data(), text.size()) ==
                                                      static_cast<ssize_t>(text.size()));
  if (!written || lseek(file.get(), 0, SEEK_SET) != 0) {
    return ErrnoError(errno, "prepare its input");
  }
  return MoveUp(std::move(file));
}

// posix_spawn's two descriptions: a process group of its own, default signals, and no descriptor
// but input, output and /dev/null for its errors.
class SpawnPlan {
 public:
  SpawnPlan(int input, int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // The error number, 0 for none.
  int Spawn(pid_t& pid, const std::string& program, std::string name, std::string verb) {
    std::array<char*, 3> arguments = {name.data(), verb.data(), nullptr};
    return posix_spawn(&pid, program.c_str(), &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// A started program. Killed with its process group where it has not ended when this is destroyed.
class Process {
 public:
  explicit Process(pid_t pid)
      : pid_(pid), end_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}
  ~Process() {
    if (pid_ >= 0) {
      kill(-pid_, SIGKILL);
      Wait();
    }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Ready to be read when the program ends.
  int end_fd() const { return end_.get(); }

  // Waits for the end, as waitpid tells it.
  int Wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
  UniqueFd end_;
};

int Milliseconds(absl::Time deadline) {
  return static_cast<int>(
      std::max<int64_t>(0, absl::ToInt64Milliseconds(deadline - absl::Now()) + 1));
}

// Adds to `text` what `output` has now. Whether more may come.
absl::StatusOr<bool> Drain(int output, std::string& text) {
  std::array<char, 4096> buffer;
  ssize_t got;
  while ((got = read(output, buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<size_t>(got));
    explicit_bzero(buffer.data(), static_cast<size_t>(got));
    if (text.size() > kMaxOutputBytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("it says more than ", kMaxOutputBytes, " bytes"));
    }
  }
  return got < 0 && (errno == EAGAIN || errno == EINTR);
}

// Reads `output` until `process` has ended: a process that it leaves behind may keep it open.
absl::Status ReadUntilEnd(const Process& process, int output, absl::Duration time_limit,
                          std::string& text) {
  const absl::Time deadline = absl::Now() + time_limit;
  std::array<pollfd, 2> events = {pollfd{process.end_fd(), POLLIN, 0}, pollfd{output, POLLIN, 0}};
  bool ended = false;
  while (!ended) {
    int ready = poll(events.data(), events.size(), Milliseconds(deadline));
    if (ready < 0 && errno != EINTR) {
      return ErrnoError(errno, "wait for it");
    }
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("it did not end within ", absl::FormatDuration(time_limit)));
    }
    // The end is looked at first: what was said before it is there to be read now.
    ended = ready > 0 && events[0].revents != 0;
    ASSIGN_OR_RETURN(bool more, Drain(output, text));
    if (!more) {
      events[1].fd = -1;
    }
  }
  return absl::OkStatus();
}

std::string DescribeEnd(int status) {
  return WIFSIGNALED(status) ? absl::StrCat("signal ", WTERMSIG(status))
                             : absl::StrCat("exit status ", WEXITSTATUS(status));
}

// The member `name` of an answer; empty where it is no string.
std::string TakeMember(json& answer, const char* name) {
  auto member = answer.find(name);
  if (member == answer.end() || !member->is_string()) {
    return "";
  }
  std::string taken = member->get_ref<std::string&>();
  Wipe(member->get_ref<std::string&>());
  return taken;
}

}  // namespace

absl::StatusOr<CredentialHelper> CredentialHelper::Find(const std::string& name,
                                                        absl::string_view path,
                                                        absl::Duration time_limit) {
  bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-';
  });
  if (name.empty() || name.size() > kMaxNameBytes || !plain) {
    return Unavailable(absl::StrCat("credential helper \"", Printable(name, kMaxNameBytes),
                                    "\": its name is not of A-Z, a-z, 0-9, _, . and -"));
  }
  std::string program = absl::StrCat("docker-credential-", name);
  for (absl::string_view directory : absl::StrSplit(path, ':')) {
    std::string candidate = absl::StrCat(directory, "/", program);
    if (absl::StartsWith(directory, "/") && IsProgram(candidate)) {
      return CredentialHelper(std::move(candidate), program, time_limit);
    }
  }
  return Unavailable(absl::StrCat(program, ": executable file not found in $PATH"));
}

bool CredentialHelper::IsInstalled(const std::string& name, absl::string_view path) {
  return Find(name, path).ok();
}

absl::StatusOr<Credentials> CredentialHelper::Get(const std::string& server) const {
  ASSIGN_OR_RETURN(Answer answer, Run("get", server));
  WipedAtEnd wiped(answer.text);
  if (!answer.succeeded) {
    return absl::StripAsciiWhitespace(answer.text) == kNotFound
               ? absl::StatusOr<Credentials>(NoCredentials())
               : Failed("get", answer.failure);
  }
  json root = json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) {
    return Failed("get", "its answer is not a JSON object");
  }
  std::string user = TakeMember(root, "Username");
  std::string secret = TakeMember(root, "Secret");
  if (user == kTokenUser) {
    return IdentityToken{std::move(secret), ""};
  }
  if (user.empty() && secret.empty()) {
    return NoCredentials();
  }
  if (user.empty()) {
    return Failed("get", "its answer has no user name");
  }
  return UserPassword{std::move(user), std::move(secret)};
}

absl::Status CredentialHelper::Store(const std::string& server, const UserPassword& login) const {
  json request = {{"ServerURL", server}, {"Username", login.user}, {"Secret", login.password}};
  std::string input = request.dump(-1, ' ', false, json::error_handler_t::replace);
  Wipe(request["Secret"].get_ref<std::string&>());
  WipedAtEnd wiped(input);
  ASSIGN_OR_RETURN(Answer answer, Run("store", input));
  Wipe(answer.text);
  return answer.succeeded ? absl::OkStatus() : Failed("store", answer.failure);
}

absl::Status CredentialHelper::Erase(const std::string& server) const {
  ASSIGN_OR_RETURN(Answer answer, Run("erase", server));
  if (answer.succeeded) {
    return absl::OkStatus();
  }
  if (absl::StripAsciiWhitespace(answer.text) == kNotFound) {
    return absl::NotFoundError(absl::StrCat(name_, ": ", kNotFound));
  }
  return Failed("erase", answer.failure);
}

absl::StatusOr<std::vector<std::string>> CredentialHelper::List() const {
  ASSIGN_OR_RETURN(Answer answer, Run("list", "unused"));
  if (!answer.succeeded) {
    Wipe(answer.text);
    return Failed("list", answer.failure);
  }
  const json root = json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) {
    return Failed("list", "its answer is not a JSON object");
  }
  std::vector<std::string> servers;
  for (const auto& [server, user] : root.items()) {
    servers.push_back(server);
  }
  return servers;
}

absl::StatusOr<CredentialHelper::Answer> CredentialHelper::Run(const char* verb,
                                                               absl::string_view input) const {
  absl::StatusOr<UniqueFd> input_file = FileWith(input);
  if (!input_file.ok()) {
    return Failed(verb, input_file.status().message());
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return Failed(verb, strerror(errno));
  }
  UniqueFd read_end = MoveUp(UniqueFd(ends[0]));
  UniqueFd write_end = MoveUp(UniqueFd(ends[1]));
  fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  pid_t pid = -1;
  SpawnPlan plan(input_file->get(), write_end.get());
  if (int error = plan.Spawn(pid, program_, name_, verb); error != 0) {
    return Failed(verb, strerror(error));
  }
  Process process(pid);
  if (process.end_fd() < 0) {
    return Failed(verb, strerror(errno));
  }
  write_end.reset();
  Answer answer;
  absl::Status read = ReadUntilEnd(process, read_end.get(), time_limit_, answer.text);
  if (!read.ok()) {
    Wipe(answer.text);
    return Failed(verb, read.message());
  }
  int status = process.Wait();
  answer.succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  answer.failure = DescribeEnd(status);
  return answer;
}

absl::Status CredentialHelper::Failed(const char* verb, absl::string_view why) const {
  return Unavailable(absl::StrCat(name_, " ", verb, ": ", why));
}

}  // namespace holkas
