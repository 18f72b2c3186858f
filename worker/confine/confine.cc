#include "worker/confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <openssl/rand.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "worker/confine/capabilities.h"
#include "worker/confine/limits.h"
#include "worker/confine/storage_profile.h"
#include "worker/confine/syscall_policy.h"
#include "worker/jobs/thread_pool.h"

namespace holkas {
namespace {

absl::Status Reseed() {
  if (RAND_poll() != 1) {
    return absl::InternalError("RAND_poll failed");
  }
  return absl::OkStatus();
}

// Out of the way of the numbers that the channel and the directories get.
constexpr int kAbove = 64;

// Standard error stays the zygote's until the filter closes, so that a failing step can be told.
absl::Status PlaceDescriptors(const ConfinePlan& plan, const WorkerStart& start) {
  // Nothing less: where a worker has directories depends on it.
  if (start.directories.empty() == plan.storage) {
    return absl::InternalError("directories are for the storage profile, which has some");
  }
  if (dup2(plan.dev_null, STDIN_FILENO) < 0 || dup2(plan.dev_null, STDOUT_FILENO) < 0) {
    return ErrnoError(errno, "open /dev/null as standard input and output");
  }
  std::vector<UniqueFd> directories;
  for (const WorkerDirectory& directory : start.directories) {
    directories.emplace_back(fcntl(directory.fd, F_DUPFD_CLOEXEC, kAbove));
    if (!directories.back().valid()) {
      return ErrnoError(errno, "move a directory");
    }
  }
  if (start.channel != kChannelFd && dup2(start.channel, kChannelFd) < 0) {
    return ErrnoError(errno, "move the channel");
  }
  int next = kChannelFd + 1;
  for (const UniqueFd& directory : directories) {
    if (dup2(directory.get(), next++) < 0) {
      return ErrnoError(errno, "move a directory");
    }
  }
  return absl::OkStatus();
}

// Whose files the worker makes, not what it may do: signals, for example, go by the user id.
absl::Status MakeFilesAsRoot() {
  syscall(__NR_setfsgid, 0);
  syscall(__NR_setfsuid, 0);
  // Both return the id before the call, and change nothing where it is none.
  if (syscall(__NR_setfsgid, -1) != 0 || syscall(__NR_setfsuid, -1) != 0) {
    return absl::InternalError("the worker cannot make files as root");
  }
  return absl::OkStatus();
}

absl::Status ChangeIdentity(const ConfinePlan& plan, unsigned uid) {
  if (uid != 0) {
    // The raw calls: glibc's would go through all threads, of which there is one.
    if (syscall(__NR_setresgid, uid, uid, uid) != 0) {
      return ErrnoError(errno, "setresgid");
    }
    if (syscall(__NR_setresuid, uid, uid, uid) != 0) {
      return ErrnoError(errno, "setresuid");
    }
  }
  // A plain user's worker of the storage profile is root of a user namespace that maps root to the
  // user.
  if ((geteuid() == 0 || getuid() == 0) && !(plan.storage && uid == 0)) {
    return absl::InternalError("the worker is still root");
  }
  return plan.storage ? MakeFilesAsRoot() : absl::OkStatus();
}

// After the change of identity, which takes the death signal back. The zygote may have died before
// the kernel knew whom to tell: then nobody will.
absl::Status DieWithZygote(const ConfinePlan& plan) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
      prctl(PR_SET_NAME, "holkas-worker", 0, 0, 0) != 0) {
    return ErrnoError(errno, "prctl");
  }
  pollfd zygote = {plan.zygote_pidfd, POLLIN, 0};
  if (poll(&zygote, 1, 0) != 0) {
    return absl::UnavailableError("the zygote is gone");
  }
  return absl::OkStatus();
}

// The last doors: what is above the channel and the directories, the zygote's pidfd among it.
absl::Status CloseAbove(size_t directories) {
  if (syscall(__NR_close_range, kChannelFd + 1 + static_cast<unsigned>(directories), ~0u, 0) != 0) {
    return ErrnoError(errno, "close_range");
  }
  return absl::OkStatus();
}

absl::Status ForbidNewPrivileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return ErrnoError(errno, "prctl(PR_SET_NO_NEW_PRIVS)");
  }
  return absl::OkStatus();
}

absl::Status Landlock(const ConfinePlan& plan, const WorkerStart& start) {
  if (plan.tier == v1::SANDBOX_TIER_SECCOMP && !plan.storage) {
    return absl::OkStatus();
  }
  if (plan.landlock.abi < (plan.storage ? kStorageLandlockAbi : 1)) {
    return absl::InternalError("the kernel has no Landlock, or too old a one");
  }
  std::vector<LandlockException> exceptions;
  int next = kChannelFd + 1;
  for (const WorkerDirectory& directory : start.directories) {
    exceptions.push_back({next++, directory.writable ? kStoreWriteRights : kStoreReadRights});
  }
  RETURN_IF_ERROR(RestrictByLandlock(plan.landlock, exceptions));
  return CloseAbove(0);
}

Workload WorkloadOf(const WorkerStart& start) {
  if (!start.directories.empty()) {
    return Workload::kStorage;
  }
  return start.threads > 0 ? Workload::kCopy : Workload::kOneImage;
}

absl::Status DropCapabilities(const WorkerStart& start) {
  if (start.directories.empty()) {
    return KeepCapabilities({});
  }
  return start.writes_store() ? KeepCapabilities(kStoreWriterCapabilities)
                              : KeepCapabilities(kStoreReaderCapabilities);
}

absl::Status CloseFilter(const ConfinePlan& plan, const WorkerStart& start) {
  const std::vector<sock_filter>& filter =
      plan.storage && !start.writes_store() ? plan.reader_filter : plan.filter;
  if (filter.empty()) {
    return absl::InternalError("there is no filter");
  }
  // The zygote's standard error is left for /dev/null now, because the filter forbids it later, but
  // kept aside for a failure to be told.
  UniqueFd told(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, kChannelFd + 1));
  if (!told.valid() || dup2(STDIN_FILENO, STDERR_FILENO) < 0) {
    return ErrnoError(errno, "open /dev/null as standard error");
  }
  const sock_fprog program = {static_cast<uint16_t>(filter.size()),
                              const_cast<sock_filter*>(filter.data())};
  if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
    const int error = errno;
    dup2(told.get(), STDERR_FILENO);
    return ErrnoError(error, "seccomp");
  }
  return absl::OkStatus();
}

// A call that the policy answers with EPERM, and that succeeds without it.
absl::Status SeeFilterWork() {
  utsname name;
  if (uname(&name) == 0 || errno != EPERM) {
    return absl::InternalError("the filter does not work");
  }
  return absl::OkStatus();
}

// Names the step in its error.
class Steps {
 public:
  explicit Steps(const ConfinePlan& plan) : plan_(plan) {}

  template <typename Function>
  absl::Status Run(ConfineStep step, Function function) {
    absl::Status status = absl::InternalError("made to fail by a test");
    if (plan_.fail == nullptr || !plan_.fail(step)) {
      status = function();
    }
    if (status.ok()) {
      return status;
    }
    return MakeError(absl::StatusCode::kInternal, "SANDBOX_FAILED",
                     absl::StrCat("confine worker, step ", ConfineStepName(step), ": ",
                                  std::string(status.message())));
  }

 private:
  const ConfinePlan& plan_;
};

}  // namespace

const char* ConfineStepName(ConfineStep step) {
  switch (step) {
    case ConfineStep::kReseed:
      return "reseed";
    case ConfineStep::kIdentity:
      return "identity";
    case ConfineStep::kDieWithZygote:
      return "die_with_zygote";
    case ConfineStep::kDescriptors:
      return "descriptors";
    case ConfineStep::kLimits:
      return "limits";
    case ConfineStep::kCapabilities:
      return "capabilities";
    case ConfineStep::kNoNewPrivileges:
      return "no_new_privileges";
    case ConfineStep::kLandlock:
      return "landlock";
    case ConfineStep::kThreads:
      return "threads";
    case ConfineStep::kNoNewProcesses:
      return "no_new_processes";
    case ConfineStep::kSeccomp:
      return "seccomp";
    case ConfineStep::kSelfTest:
      return "self_test";
  }
  return "unknown";
}

absl::Status DetachFromZygote(const ConfinePlan& plan, const WorkerStart& start) {
  Steps steps(plan);
  RETURN_IF_ERROR(steps.Run(ConfineStep::kReseed, Reseed));
  RETURN_IF_ERROR(
      steps.Run(ConfineStep::kIdentity, [&] { return ChangeIdentity(plan, start.uid); }));
  RETURN_IF_ERROR(steps.Run(ConfineStep::kDieWithZygote, [&] { return DieWithZygote(plan); }));
  return steps.Run(ConfineStep::kDescriptors, [&]() -> absl::Status {
    RETURN_IF_ERROR(PlaceDescriptors(plan, start));
    return CloseAbove(start.directories.size());
  });
}

absl::StatusOr<std::unique_ptr<ThreadPool>> Confine(const ConfinePlan& plan,
                                                    const WorkerStart& start) {
  Steps steps(plan);
  std::unique_ptr<ThreadPool> pool;
  RETURN_IF_ERROR(
      steps.Run(ConfineStep::kLimits, [&] { return LimitResources(WorkloadOf(start)); }));
  RETURN_IF_ERROR(steps.Run(ConfineStep::kCapabilities, [&] { return DropCapabilities(start); }));
  RETURN_IF_ERROR(steps.Run(ConfineStep::kNoNewPrivileges, ForbidNewPrivileges));
  RETURN_IF_ERROR(steps.Run(ConfineStep::kLandlock, [&] { return Landlock(plan, start); }));
  RETURN_IF_ERROR(steps.Run(ConfineStep::kThreads, [&]() -> absl::Status {
    ASSIGN_OR_RETURN(pool, NewThreadPool(start.threads));
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(steps.Run(ConfineStep::kNoNewProcesses, ForbidNewProcesses));
  RETURN_IF_ERROR(steps.Run(ConfineStep::kSeccomp, [&] { return CloseFilter(plan, start); }));
  RETURN_IF_ERROR(steps.Run(ConfineStep::kSelfTest, SeeFilterWork));
  return pool;
}

}  // namespace holkas
