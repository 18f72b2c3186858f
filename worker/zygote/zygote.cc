#include "worker/zygote/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/frame_channel.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "worker/confine/bpf_program.h"
#include "worker/confine/capabilities.h"
#include "worker/confine/storage_profile.h"
#include "worker/confine/syscall_policy.h"
#include "worker/http/certificate_store.h"
#include "worker/http/rehearse_tls.h"
#include "worker/zygote/huge_text.h"
#include "worker/zygote/namespaces.h"
#include "worker/zygote/preload.h"
#include "worker/zygote/storage_ids.h"
#include "worker/zygote/tree_keeper.h"
#include "worker/zygote/uid_pool.h"
#include "worker/zygote/worker_process.h"
#include "zygote/zygote.pb.h"

namespace holkas {
namespace {

using zygote::ZygoteEvent;
using zygote::ZygoteRequest;

// A zygote that launched as many workers is a server's, for which faster launches are worth a copy
// of its code.
constexpr int kLaunchesBeforeHugeText = 32;

UniqueFd OpenPidfdOfSelf() {
  return UniqueFd(static_cast<int>(syscall(__NR_pidfd_open, getpid(), 0)));
}

// A change of identity takes the death signal back, so this is called after each.
absl::Status DieWithParent(const char* name) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || prctl(PR_SET_NAME, name, 0, 0, 0) != 0) {
    return ErrnoError(errno, "prctl");
  }
  return absl::OkStatus();
}

bool HoldsUp(int fd, int16_t bad_events) {
  pollfd entry = {fd, bad_events, 0};
  return poll(&entry, 1, 0) == 0;
}

class Zygote {
 public:
  explicit Zygote(const ZygoteOptions& options)
      : options_(options), control_(UniqueFd(kControlFd), FrameChannel::AcceptFds::kYes) {}

  int Run();

 private:
  absl::StatusOr<UniqueFd> OpenNull() const;
  absl::Status OpenWhatWorkersNeed();
  absl::Status EnterTier();
  absl::Status EnterStorageProfile();
  absl::Status BecomeUnprivileged();
  // Forks the zygote proper and, in the keeper, waits for its end and does not return.
  absl::Status BecomeFirstOfPidNamespace();
  [[noreturn]] void Keep(pid_t child);
  absl::Status SetUp();
  int Serve();
  bool HandleRequest();
  void Launch(const ZygoteRequest& request, const std::vector<UniqueFd>& fds);
  pid_t CloneWorker(UniqueFd& pidfd);
  void Reap();
  void Tell(const ZygoteEvent& event, absl::Span<const int> fds = {});

  bool Full() const { return options_.tier == v1::SANDBOX_TIER_FULL; }

  const ZygoteOptions options_;
  FrameChannel control_;
  ConfinePlan plan_;
  std::optional<unsigned> uid_pool_;  // set where holkasd is root
  UniqueFd dev_null_;
  UniqueFd self_;
  UniqueFd certificates_;
  UniqueFd child_signals_;
  std::map<pid_t, uint64_t> workers_;  // launch ids
  int64_t launches_ = 0;
};

void Zygote::Tell(const ZygoteEvent& event, absl::Span<const int> fds) {
  // holkasd gone: the next look at the socket ends the zygote.
  control_.Send(event, fds).IgnoreError();
}

// What leads nowhere: the device, or for workers that could change its owner a pipe that nobody
// writes to.
absl::StatusOr<UniqueFd> Zygote::OpenNull() const {
  if (!options_.storage) {
    UniqueFd device(open("/dev/null", O_RDWR | O_CLOEXEC));
    return device.valid() ? absl::StatusOr<UniqueFd>(std::move(device))
                          : ErrnoError(errno, "open /dev/null");
  }
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    return ErrnoError(errno, "make a pipe");
  }
  close(fds[1]);
  return UniqueFd(fds[0]);
}

absl::Status Zygote::OpenWhatWorkersNeed() {
  ASSIGN_OR_RETURN(dev_null_, OpenNull());
  plan_.dev_null = dev_null_.get();
  plan_.tier = options_.tier;
  plan_.storage = options_.storage;
  plan_.fail = options_.fail;
  if (options_.storage) {
    plan_.filter = AssembleFilter(StoreWriterSyscallPolicy());
    plan_.reader_filter = AssembleFilter(StoreReaderSyscallPolicy());
  } else {
    plan_.filter = AssembleFilter(SyscallPolicy());
  }
  if (options_.tier != v1::SANDBOX_TIER_SECCOMP) {
    plan_.landlock = ProbeLandlock();
    if (plan_.landlock.abi == 0) {
      return absl::FailedPreconditionError("the kernel has no Landlock");
    }
    if (options_.storage && plan_.landlock.abi < kStorageLandlockAbi) {
      return absl::FailedPreconditionError(
          absl::StrCat("the kernel's Landlock is too old for stores: ABI ", plan_.landlock.abi,
                       ", needed is ", kStorageLandlockAbi));
    }
  }
  certificates_ = UniqueFd(OpenSystemCertificateBundle());
  return absl::OkStatus();
}

absl::Status Zygote::EnterTier() {
  if (geteuid() == 0) {
    ASSIGN_OR_RETURN(uid_pool_, ChooseUidPool());
    if (setgroups(0, nullptr) != 0) {
      return ErrnoError(errno, "setgroups");
    }
  }
  if (options_.storage) {
    return EnterStorageProfile();
  }
  if (Full()) {
    RETURN_IF_ERROR(EnterNamespaces(uid_pool_));
    return BecomeFirstOfPidNamespace();
  }
  if (uid_pool_.has_value()) {
    const unsigned self = *uid_pool_ + kUidPoolSize - 1;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setresgid(self, self, self) != 0 ||
        setresuid(self, self, self) != 0) {
      return ErrnoError(errno, "become the zygote's user");
    }
  }
  return absl::OkStatus();
}

// The keeper keeps the host's mounts, the zygote gets an empty root in a mount namespace of its
// own.
absl::Status Zygote::EnterStorageProfile() {
  if (!Full()) {
    return absl::FailedPreconditionError("stores need the full tier");
  }
  const StorageIds ids = StorageIdsOfSelf(options_.user_name);
  RETURN_IF_ERROR(EnterUserNamespace([&ids](pid_t process) { return WriteIdMaps(ids, process); }));
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) {
    return ErrnoError(errno, "become root of the user namespace");
  }
  constexpr int kOthers =
      CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWPID;
  if (unshare(kOthers) != 0) {
    return ErrnoError(errno, "unshare");
  }
  RETURN_IF_ERROR(ForbidUserNamespaces());
  RETURN_IF_ERROR(BecomeFirstOfPidNamespace());
  close(kTreesFd);
  if (unshare(CLONE_NEWNS) != 0) {
    return ErrnoError(errno, "unshare(CLONE_NEWNS)");
  }
  RETURN_IF_ERROR(EnterEmptyRoot());
  if (uid_pool_.has_value()) {
    *uid_pool_ += kUidPoolSize;  // the second pool
    const unsigned self = *uid_pool_ + kUidPoolSize - 1;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setresgid(self, self, self) != 0 ||
        setresuid(self, self, self) != 0) {
      return ErrnoError(errno, "become the zygote's user");
    }
  }
  return absl::OkStatus();
}

void Zygote::Keep(pid_t child) {
  static constexpr int kForTrees[] = {CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH};
  // The zygote alone holds the socket, so that its end is the zygote's end.
  close(kControlFd);
  const bool confined =
      prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
      (options_.storage ? KeepCapabilities(kForTrees) : KeepCapabilities({})).ok();
  if (!confined) {
    _exit(kExitSandboxFailed);
  }
  if (options_.storage) {
    const UniqueFd zygote(static_cast<int>(syscall(__NR_pidfd_open, child, 0)));
    FrameChannel trees(UniqueFd(kTreesFd), FrameChannel::AcceptFds::kNo);
    if (zygote.valid()) {
      KeepTrees(trees, zygote.get());
    }
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : kExitSandboxFailed);
}

absl::Status Zygote::BecomeFirstOfPidNamespace() {
  RETURN_IF_ERROR(DieWithParent("holkas-keeper"));
  const UniqueFd keeper = OpenPidfdOfSelf();
  const pid_t child = fork();
  if (child < 0) {
    return ErrnoError(errno, "fork the zygote");
  }
  if (child > 0) {
    Keep(child);
  }
  RETURN_IF_ERROR(DieWithParent("holkas-zygote"));
  if (!HoldsUp(keeper.get(), POLLIN)) {
    return absl::UnavailableError("the keeper is gone");
  }
  return absl::OkStatus();
}

absl::Status Zygote::BecomeUnprivileged() {
  static constexpr int kInNamespaces[] = {CAP_SETUID, CAP_SETGID, CAP_SYS_ADMIN};
  static constexpr int kForSlots[] = {CAP_SETUID, CAP_SETGID};
  // The last one empties the bounding set, and is given up then.
  static constexpr int kForStorage[] = {CAP_SETUID,  CAP_SETGID,          CAP_SYS_ADMIN, CAP_CHOWN,
                                        CAP_FOWNER,  CAP_DAC_OVERRIDE,    CAP_FSETID,    CAP_MKNOD,
                                        CAP_SETFCAP, CAP_DAC_READ_SEARCH, CAP_SETPCAP};
  const absl::Span<const int> for_storage(kForStorage);
  if (!Full() && uid_pool_.has_value()) {
    static constexpr int kForNow[] = {CAP_SETUID, CAP_SETGID, CAP_SETPCAP};
    RETURN_IF_ERROR(KeepCapabilities(kForNow));
  } else if (options_.storage) {
    RETURN_IF_ERROR(KeepCapabilities(for_storage));
  }
  RETURN_IF_ERROR(ForbidNewCapabilities());
  if (options_.storage) {
    RETURN_IF_ERROR(KeepCapabilities(for_storage.first(for_storage.size() - 1)));
  } else if (Full()) {
    RETURN_IF_ERROR(KeepCapabilities(kInNamespaces));
  } else if (uid_pool_.has_value()) {
    RETURN_IF_ERROR(KeepCapabilities(kForSlots));
  } else {
    RETURN_IF_ERROR(KeepCapabilities({}));
  }
  RETURN_IF_ERROR(DieWithParent("holkas-zygote"));
  // A plain user is root of the storage profile's user namespace, and remains who it is.
  const bool may_be_root = options_.storage && !uid_pool_.has_value();
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || (geteuid() == 0 && !may_be_root)) {
    return absl::InternalError("the zygote is still root or dumpable");
  }
  return absl::OkStatus();
}

absl::Status Zygote::SetUp() {
  clearenv();
  umask(077);
  const unsigned last = options_.storage ? kTreesFd : kControlFd;
  if (syscall(__NR_close_range, last + 1, ~0u, 0) != 0) {
    return ErrnoError(errno, "close_range");
  }
  signal(SIGPIPE, SIG_IGN);
  RETURN_IF_ERROR(DieWithParent("holkas-zygote"));
  RETURN_IF_ERROR(PreloadLibraries());
  RETURN_IF_ERROR(OpenWhatWorkersNeed());
  RETURN_IF_ERROR(EnterTier());
  RETURN_IF_ERROR(BecomeUnprivileged());

  self_ = OpenPidfdOfSelf();
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, nullptr);
  child_signals_ = UniqueFd(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!self_.valid() || !child_signals_.valid()) {
    return ErrnoError(errno, "make the zygote's descriptors");
  }
  plan_.zygote_pidfd = self_.get();
  // holkasd may have died before the kernel knew whom to tell.
  if (!HoldsUp(kControlFd, POLLHUP)) {
    return absl::UnavailableError("holkasd is gone");
  }
  return absl::OkStatus();
}

int Zygote::Run() {
  ZygoteEvent event;
  const absl::Status status = SetUp();
  if (!status.ok()) {
    event.mutable_set_up_failed()->set_message(std::string(status.message()));
    Tell(event);
    return kExitSandboxFailed;
  }
  event.mutable_started();
  Tell(event);
  return Serve();
}

int Zygote::Serve() {
  while (true) {
    pollfd entries[] = {{kControlFd, POLLIN, 0}, {child_signals_.get(), POLLIN, 0}};
    if (poll(entries, 2, -1) < 0 && errno != EINTR) {
      return kExitSandboxFailed;
    }
    if (entries[1].revents != 0) {
      Reap();
    }
    if (entries[0].revents != 0 && !HandleRequest()) {
      return 0;  // and with the zygote go its workers
    }
  }
}

bool Zygote::HandleRequest() {
  ZygoteRequest request;
  absl::StatusOr<std::vector<UniqueFd>> fds = control_.Receive(request);
  if (!fds.ok() || fds->size() != 1 + static_cast<size_t>(request.writable_size()) ||
      request.slot() >= kUidSlots) {
    return false;
  }
  if (request.needs_certificate_store() && SystemCertificateStore() == nullptr &&
      certificates_.valid()) {
    // Without one no certificate is believed, which the worker reports.
    LoadSystemCertificateStore(certificates_.get()).IgnoreError();
    certificates_.reset();
    RehearseTls().IgnoreError();  // only makes workers faster
  }
  if (++launches_ == kLaunchesBeforeHugeText) {
    MoveTextToHugePages().IgnoreError();  // only makes workers faster
  }
  Launch(request, *fds);
  return true;
}

void Zygote::Launch(const ZygoteRequest& request, const std::vector<UniqueFd>& fds) {
  UniqueFd pidfd;
  const pid_t pid = CloneWorker(pidfd);
  if (pid == 0) {
    WorkerStart start;
    start.channel = fds[0].get();
    for (size_t i = 1; i < fds.size(); ++i) {
      start.directories.push_back({fds[i].get(), request.writable(static_cast<int>(i) - 1)});
    }
    if (uid_pool_.has_value()) {
      const bool has_inner_ids = Full() && !options_.storage;
      start.uid = (has_inner_ids ? kFirstInnerUid : *uid_pool_) + request.slot();
    }
    start.threads = static_cast<int>(request.threads());
    RunWorkerProcess(plan_, options_.jobs, start);
  }
  const int error = errno;
  ZygoteEvent event;
  if (pid < 0 || !pidfd.valid()) {
    event.mutable_launch_failed()->set_launch_id(request.launch_id());
    event.mutable_launch_failed()->set_message(strerror(error));
    Tell(event);
    return;
  }
  workers_[pid] = request.launch_id();
  event.mutable_launched()->set_launch_id(request.launch_id());
  const int pidfds[] = {pidfd.get()};
  Tell(event, pidfds);
}

// In tier F a bare clone, which makes the PID namespace and the pidfd at once: glibc keeps a
// thread's id, but the zygote and the worker both are process 1. In the others glibc's fork.
pid_t Zygote::CloneWorker(UniqueFd& pidfd) {
  if (Full()) {
    int fd = -1;
    const auto pid = static_cast<pid_t>(
        syscall(__NR_clone, CLONE_NEWPID | CLONE_PIDFD | SIGCHLD, nullptr, &fd, nullptr, nullptr));
    if (pid > 0) {
      pidfd = UniqueFd(fd);
    }
    return pid;
  }
  const pid_t pid = fork();
  if (pid > 0) {
    pidfd = UniqueFd(static_cast<int>(syscall(__NR_pidfd_open, pid, 0)));
    if (!pidfd.valid()) {
      kill(pid, SIGKILL);
    }
  }
  return pid;
}

void Zygote::Reap() {
  signalfd_siginfo ignored;
  while (read(child_signals_.get(), &ignored, sizeof(ignored)) > 0) {
  }
  int status = 0;
  for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
    const auto worker = workers_.find(pid);
    if (worker == workers_.end()) {
      continue;
    }
    ZygoteEvent event;
    event.mutable_exited()->set_launch_id(worker->second);
    event.mutable_exited()->set_signaled(WIFSIGNALED(status));
    event.mutable_exited()->set_code(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    Tell(event);
    workers_.erase(worker);
  }
}

v1::SandboxTier ParseTier(absl::string_view tier) {
  if (tier == "full") {
    return v1::SANDBOX_TIER_FULL;
  }
  if (tier == "landlock") {
    return v1::SANDBOX_TIER_LANDLOCK;
  }
  return tier == "seccomp" ? v1::SANDBOX_TIER_SECCOMP : v1::SANDBOX_TIER_UNSPECIFIED;
}

}  // namespace

int RunZygote(const ZygoteOptions& options) { return Zygote(options).Run(); }

ZygoteOptions ParseZygoteArguments(int argc, char** argv) {
  ZygoteOptions options;
  if (argc >= 3 && strcmp(argv[1], "--zygote") == 0) {
    options.tier = ParseTier(argv[2]);
  }
  if (argc >= 5 && strcmp(argv[3], "--storage") == 0) {
    options.storage = true;
    options.user_name = argv[4];
  }
  return options;
}

}  // namespace holkas
