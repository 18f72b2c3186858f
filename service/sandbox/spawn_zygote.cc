#include "service/sandbox/spawn_zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/frame_channel.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Where the zygote finds its socket (worker/zygote/zygote.h).
constexpr int kControlFd = 3;
constexpr int kTreesFd = 4;

// Out of the way of the numbers 0 to 4, which the new process gets one after the other.
absl::StatusOr<UniqueFd> MoveUp(UniqueFd fd) {
  constexpr int kAbove = 10;
  UniqueFd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, kAbove));
  if (!moved.valid()) {
    return ErrnoError(errno, "duplicate a descriptor");
  }
  return moved;
}

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> NewLogPipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    return ErrnoError(errno, "make the zygote's log");
  }
  UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  if (fcntl(read_end.get(), F_SETFL, O_NONBLOCK) != 0) {
    return ErrnoError(errno, "make the zygote's log");
  }
  return std::make_pair(std::move(read_end), std::move(write_end));
}

// Empty where this user has none.
std::string UserName() {
  passwd entry = {};
  passwd* found = nullptr;
  char buffer[16 << 10];
  return getpwuid_r(geteuid(), &entry, buffer, sizeof(buffer), &found) == 0 && found != nullptr
             ? found->pw_name
             : "";
}

// posix_spawn's two descriptions, with default signals and nothing blocked.
class SpawnPlan {
 public:
  SpawnPlan(int control, int trees, int log) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, log, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, control, kControlFd);
    if (trees >= 0) {
      posix_spawn_file_actions_adddup2(&actions_, trees, kTreesFd);
    }
    posix_spawnattr_init(&attributes_);
    // In a session of its own, and its workers with it: Ctrl-C on holkasd's terminal reaches
    // holkasd alone, which drains.
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
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

  int Spawn(pid_t& pid, const std::string& path, std::vector<std::string> args) {
    std::vector<char*> argv;
    for (std::string& arg : args) {
      argv.push_back(arg.data());
    }
    argv.push_back(nullptr);
    char* const no_environment[] = {nullptr};
    return posix_spawn(&pid, path.c_str(), &actions_, &attributes_, argv.data(), no_environment);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

absl::StatusOr<SpawnedZygote> SpawnZygote(const std::string& worker_path, const ZygoteKind& kind,
                                          const std::vector<std::string>& extra_args) {
  ASSIGN_OR_RETURN(auto control, FrameChannel::NewPair());
  ASSIGN_OR_RETURN(auto log, NewLogPipe());
  SpawnedZygote zygote;
  UniqueFd their_trees;
  if (kind.storage) {
    ASSIGN_OR_RETURN(auto trees, FrameChannel::NewPair());
    ASSIGN_OR_RETURN(their_trees, MoveUp(std::move(trees.second)));
    zygote.trees = std::move(trees.first);
  }
  ASSIGN_OR_RETURN(const UniqueFd their_control, MoveUp(std::move(control.second)));
  ASSIGN_OR_RETURN(const UniqueFd their_log, MoveUp(std::move(log.second)));

  std::vector<std::string> args = {"holkas-worker", "--zygote", TierName(kind.tier)};
  if (kind.storage) {
    args.insert(args.end(), {"--storage", UserName()});
  }
  args.insert(args.end(), extra_args.begin(), extra_args.end());
  SpawnPlan plan(their_control.get(), their_trees.get(), their_log.get());
  const int error = plan.Spawn(zygote.pid, worker_path, std::move(args));
  if (error != 0) {
    return ErrnoError(error, absl::StrCat("start zygote ", worker_path));
  }
  zygote.control = std::move(control.first);
  zygote.log = std::move(log.first);
  return zygote;
}

absl::StatusOr<std::string> WorkerBesideSelf() {
  char self[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof(self));
  if (size < 0) {
    return ErrnoError(errno, "find the running program");
  }
  const std::string path(self, static_cast<size_t>(size));
  return absl::StrCat(path.substr(0, path.rfind('/')), "/holkas-worker");
}

const char* TierName(v1::SandboxTier tier) {
  switch (tier) {
    case v1::SANDBOX_TIER_FULL:
      return "full";
    case v1::SANDBOX_TIER_LANDLOCK:
      return "landlock";
    case v1::SANDBOX_TIER_SECCOMP:
      return "seccomp";
    default:
      return "unspecified";
  }
}

}  // namespace holkas
