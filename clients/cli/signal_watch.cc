#include "clients/cli/signal_watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace holkas {

SignalWatch::SignalWatch() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    sigaddset(&set, signal_number);
  }
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_.reset(signalfd(-1, &set, SFD_CLOEXEC));
  stop_.reset(eventfd(0, EFD_CLOEXEC));
}

SignalWatch::~SignalWatch() {
  if (thread_.joinable()) {
    uint64_t one = 1;
    // An eventfd at zero takes a one.
    (void)!write(stop_.get(), &one, sizeof(one));
    thread_.join();
  }
}

void SignalWatch::Watch(std::function<void()> on_first, std::function<void()> on_second) {
  thread_ = std::thread([this, on_first = std::move(on_first), on_second = std::move(on_second)] {
    Run(on_first, on_second);
  });
}

void SignalWatch::Run(const std::function<void()>& on_first,
                      const std::function<void()>& on_second) {
  pollfd fds[] = {{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  while (true) {
    if (poll(fds, 2, -1) < 0) {
      continue;
    }
    if (fds[1].revents != 0) {
      return;
    }
    signalfd_siginfo info;
    if (read(signals_.get(), &info, sizeof(info)) != sizeof(info)) {
      continue;
    }
    if (caught_ != 0) {
      on_second();
      _exit(128 + caught_);
    }
    caught_ = static_cast<int>(info.ssi_signo);
    on_first();
  }
}

}  // namespace holkas
