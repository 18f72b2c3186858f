#ifndef HOLKAS_CLIENTS_CLI_SIGNAL_WATCH_H_
#define HOLKAS_CLIENTS_CLI_SIGNAL_WATCH_H_

#include <atomic>
#include <functional>
#include <thread>

#include "proto/wire/unique_fd.h"

namespace holkas {

// Turns SIGINT, SIGTERM and SIGHUP into calls of functions, so that a request can be cancelled and
// its server waited for. The second of these signals ends the process at once.
class SignalWatch {
 public:
  // Holds the signals back. Construct it before the process has threads: they inherit that.
  SignalWatch();
  // Ends Watch. The signals stay held back.
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // Calls `on_first`, on a thread of its own, when the first signal comes or has come, and
  // `on_second` before the second ends the process. Once.
  void Watch(std::function<void()> on_first, std::function<void()> on_second);

  // The signal that came; 0 for none.
  int caught() const { return caught_; }

 private:
  void Run(const std::function<void()>& on_first, const std::function<void()>& on_second);

  UniqueFd signals_;
  UniqueFd stop_;
  std::atomic<int> caught_ = 0;
  std::thread thread_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_SIGNAL_WATCH_H_
