#include "service/sandbox/worker_record.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

// How long the kernel may take to end a killed process.
constexpr int kKillTimeoutMs = 2000;

void SendKill(const UniqueFd& pidfd) {
  if (pidfd.valid()) {
    syscall(__NR_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  }
}

// The process's id in this process's namespace; the zygote knows it by another. -1 where it is
// gone.
int PidOf(const UniqueFd& pidfd) {
  const std::string path = absl::StrCat("/proc/self/fdinfo/", pidfd.get());
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[512];
  const ssize_t size = file.valid() ? read(file.get(), text, sizeof(text) - 1) : -1;
  if (size < 0) {
    return -1;
  }
  text[size] = '\0';
  const char* found = strstr(text, "\nPid:");
  return found == nullptr ? -1 : static_cast<int>(strtol(found + strlen("\nPid:"), nullptr, 10));
}

}  // namespace

void WorkerRecord::SetLaunched(UniqueFd pidfd) {
  absl::MutexLock lock(&mutex_);
  pidfd_ = std::move(pidfd);
  if (kill_sent_) {
    SendKill(pidfd_);
  }
}

void WorkerRecord::SetLaunchFailed(absl::string_view why) {
  absl::MutexLock lock(&mutex_);
  launch_error_ = std::string(why);
}

WorkerExit WorkerRecord::SetEnded(WorkerExit::How how, int code) {
  absl::MutexLock lock(&mutex_);
  if (kill_sent_ && how == WorkerExit::How::kSignaled && code == SIGKILL) {
    how = WorkerExit::How::kKilled;
  }
  end_ = WorkerExit{how, code};
  return *end_;
}

void WorkerRecord::SetZygoteDied() {
  absl::MutexLock lock(&mutex_);
  SendKill(pidfd_);
  if (pidfd_.valid()) {
    pollfd process = {pidfd_.get(), POLLIN, 0};
    poll(&process, 1, kKillTimeoutMs);
  } else {
    launch_error_ = "the zygote died";
  }
  end_ = WorkerExit{WorkerExit::How::kUnknown, 0};
}

absl::Status WorkerRecord::AwaitLaunched(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  if (!mutex_.AwaitWithDeadline(absl::Condition(this, &WorkerRecord::LaunchIsDecided), deadline)) {
    return absl::DeadlineExceededError("launch worker: no answer from the zygote");
  }
  if (launch_error_.has_value()) {
    return absl::UnavailableError(absl::StrCat("launch worker: ", *launch_error_));
  }
  return absl::OkStatus();
}

void WorkerRecord::Kill() {
  absl::MutexLock lock(&mutex_);
  kill_sent_ = true;
  if (!end_.has_value()) {
    SendKill(pidfd_);
  }
}

absl::StatusOr<WorkerExit> WorkerRecord::AwaitEnd(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  if (!mutex_.AwaitWithDeadline(absl::Condition(this, &WorkerRecord::HasEnded), deadline)) {
    return absl::DeadlineExceededError("wait for worker: it still runs");
  }
  return *end_;
}

int WorkerRecord::pid() const {
  absl::MutexLock lock(&mutex_);
  if (pid_ < 0 && pidfd_.valid()) {
    pid_ = PidOf(pidfd_);
  }
  return pid_;
}

}  // namespace holkas
