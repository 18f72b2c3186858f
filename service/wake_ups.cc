#include "service/wake_ups.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "absl/time/clock.h"
#include "proto/wire/error.h"

namespace holkas {

absl::StatusOr<WakeUps> WakeUps::Create() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  WakeUps wake_ups;
  const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr);
  if (error != 0) {
    return ErrnoError(error, "block signals");
  }
  wake_ups.signals_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  wake_ups.connection_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_ups.signals_.valid() || !wake_ups.connection_.valid()) {
    return ErrnoError(errno, "wait for signals");
  }
  return wake_ups;
}

WakeUps::Reason WakeUps::Wait(absl::Time deadline) {
  for (;;) {
    pollfd fds[] = {{signals_.get(), POLLIN, 0}, {connection_.get(), POLLIN, 0}};
    // An endless wait is made of long ones, so that every deadline fits.
    const absl::Duration wait =
        std::clamp(deadline - absl::Now(), absl::ZeroDuration(), absl::Hours(1));
    const int count =
        poll(fds, 2,
             static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1)))));
    signalfd_siginfo info;
    if (count > 0 && (fds[0].revents & POLLIN) != 0 &&
        read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      return Reason::kSignal;
    }
    eventfd_t ended = 0;
    if (count > 0 && (fds[1].revents & POLLIN) != 0 &&
        eventfd_read(connection_.get(), &ended) == 0) {
      return Reason::kConnectionEnded;
    }
    if (absl::Now() >= deadline) {
      return Reason::kNone;
    }
  }
}

void WakeUps::EndOfConnection() { eventfd_write(connection_.get(), 1); }

}  // namespace holkas
