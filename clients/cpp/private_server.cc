#include "clients/cpp/private_server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// Where the server finds its end of the connection.
constexpr int kConnectionFd = 3;
// For a server that hung up to undo what it has not published.
constexpr int kHangUpGraceMs = 3000;
constexpr int kTerminateGraceMs = 1000;
// As much of the log as is searched for its last line.
constexpr size_t kMaxLogTail = 4096;

// Of the caller's environment, what holkasd reads to find certificates, credentials and stores, and
// what the credential helpers that it runs read. No worker sees any of it.
constexpr const char* kServerVariables[] = {
    "HOME",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "DOCKER_CONFIG",
    "REGISTRY_AUTH_FILE",
    "PATH",
    // Stores of containers/storage.
    "XDG_DATA_HOME",
    "HOLKAS_BLOB_INFO_CACHE",
    "CONTAINERS_STORAGE_CONF",
    "STORAGE_DRIVER",
    "STORAGE_OPTS",
    // Registries, and the way to them.
    "CONTAINERS_REGISTRIES_CONF",
    "REGISTRIES_CONFIG_PATH",
    "HTTP_PROXY",
    "http_proxy",
    "REQUEST_METHOD",
    // Helpers: the user, the desktop's key ring, pass with its GnuPG.
    "USER",
    "LOGNAME",
    "LANG",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "GNUPGHOME",
    "GPG_TTY",
    "PASSWORD_STORE_DIR",
    // Helpers of clouds, and the way out to them.
    "GOOGLE_APPLICATION_CREDENTIALS",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
};
// The same, of which there are many.
constexpr const char* kServerVariablePrefixes[] = {"AWS_", "AZURE_", "CLOUDSDK_"};

bool GoesToServer(absl::string_view name) {
  auto is_name = [&](const char* other) { return name == other; };
  auto begins = [&](const char* prefix) { return absl::StartsWith(name, prefix); };
  return std::any_of(std::begin(kServerVariables), std::end(kServerVariables), is_name) ||
         std::any_of(std::begin(kServerVariablePrefixes), std::end(kServerVariablePrefixes),
                     begins);
}

std::vector<std::string> ServerEnvironment() {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    absl::string_view entry = *variable;
    if (GoesToServer(entry.substr(0, entry.find('=')))) {
      environment.emplace_back(entry);
    }
  }
  return environment;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

// What the child needs, made before the fork: after it, nothing may allocate.
struct ChildPlan {
  const char* program;
  char* const* arguments;
  char* const* environment;
  int connection_fd;
  int null_fd;
  int log_fd;
  pid_t parent;
};

// Runs in the child: becomes the server, or exits with 127.
[[noreturn]] void BecomeServer(const ChildPlan& plan) {
  // The parent's death between the fork and the prctl shows as another parent.
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != plan.parent) {
    _exit(127);
  }
  setpgid(0, 0);
  dup2(plan.null_fd, STDIN_FILENO);
  dup2(plan.null_fd, STDOUT_FILENO);
  dup2(plan.log_fd, STDERR_FILENO);
  if (plan.connection_fd == kConnectionFd) {
    fcntl(kConnectionFd, F_SETFD, 0);
  } else {
    dup2(plan.connection_fd, kConnectionFd);
  }
  close_range(kConnectionFd + 1, ~0U, 0);
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
    signal(signal_number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(plan.program, plan.arguments, plan.environment);
  _exit(127);
}

std::string DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return absl::StrCat("holkasd was killed by signal ", WTERMSIG(wait_status));
  }
  if (WEXITSTATUS(wait_status) == 127) {
    return "holkasd could not be run";
  }
  return WEXITSTATUS(wait_status) == 0
             ? ""
             : absl::StrCat("holkasd exited with status ", WEXITSTATUS(wait_status));
}

// The server's standard error: the caller's own, or memory to read the last words from.
absl::StatusOr<UniqueFd> OpenLog(bool show_log) {
  UniqueFd log(show_log ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, kConnectionFd + 1)
                        : memfd_create("holkasd-log", MFD_CLOEXEC));
  if (!log.valid()) {
    return ErrnoError(errno, "open the log of the private server");
  }
  return log;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivateServer>> PrivateServer::Start(
    const PrivateServerOptions& options) {
  if (access(options.program.c_str(), X_OK) != 0) {
    return ErrnoError(errno, absl::StrCat("start private server ", options.program));
  }
  absl::StatusOr<UniqueFd> log = OpenLog(options.show_log);
  if (!log.ok()) {
    return log.status();
  }
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  std::array<int, 2> ends;
  if (!null.valid() || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return ErrnoError(errno, "connect private server");
  }
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  UniqueFd hang_up(fcntl(ours.get(), F_DUPFD_CLOEXEC, 0));
  std::vector<std::string> arguments = {options.program,
                                        absl::StrCat("--connection-fd=", kConnectionFd)};
  if (options.show_log) {
    arguments.push_back("--log-level=debug");
  }
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment = ServerEnvironment();
  std::vector<char*> argument_pointers = Pointers(arguments);
  std::vector<char*> environment_pointers = Pointers(environment);
  ChildPlan plan = {options.program.c_str(),
                    argument_pointers.data(),
                    environment_pointers.data(),
                    theirs.get(),
                    null.get(),
                    log->get(),
                    getpid()};
  pid_t pid = fork();
  if (pid == 0) {
    BecomeServer(plan);
  }
  if (pid < 0) {
    return ErrnoError(errno, "start private server");
  }
  UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  return std::unique_ptr<PrivateServer>(
      new PrivateServer(pid, std::move(process), std::move(ours), std::move(hang_up),
                        options.show_log ? UniqueFd() : std::move(*log)));
}

PrivateServer::PrivateServer(pid_t pid, UniqueFd process, UniqueFd connection, UniqueFd hang_up,
                             UniqueFd log)
    : pid_(pid),
      process_(std::move(process)),
      connection_(std::move(connection)),
      hang_up_(std::move(hang_up)),
      log_(std::move(log)) {}

PrivateServer::~PrivateServer() { Stop(); }

void PrivateServer::Kill() { syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0); }

std::string PrivateServer::Stop() {
  if (!running_) {
    return ending_;
  }
  running_ = false;
  shutdown(hang_up_.get(), SHUT_RDWR);
  hang_up_.reset();
  connection_.reset();
  if (!EndsWithin(kHangUpGraceMs)) {
    kill(pid_, SIGTERM);
    if (!EndsWithin(kTerminateGraceMs)) {
      Kill();
    }
  }
  int wait_status = 0;
  while (waitpid(pid_, &wait_status, 0) < 0 && errno == EINTR) {
  }
  ending_ = DescribeEnd(wait_status);
  if (std::string line = LastLogLine(); !ending_.empty() && !line.empty()) {
    absl::StrAppend(&ending_, ": ", line);
  }
  return ending_;
}

bool PrivateServer::EndsWithin(int timeout_ms) {
  pollfd ended = {process_.get(), POLLIN, 0};
  int ready;
  do {
    ready = poll(&ended, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

std::string PrivateServer::LastLogLine() const {
  off_t size = log_.valid() ? lseek(log_.get(), 0, SEEK_END) : 0;
  if (size <= 0) {
    return "";
  }
  std::string tail(std::min(static_cast<size_t>(size), kMaxLogTail), '\0');
  ssize_t got = pread(log_.get(), tail.data(), tail.size(), size - static_cast<off_t>(tail.size()));
  tail.resize(got < 0 ? 0 : static_cast<size_t>(got));
  while (absl::EndsWith(tail, "\n")) {
    tail.pop_back();
  }
  return tail.substr(tail.rfind('\n') + 1);
}

}  // namespace holkas
