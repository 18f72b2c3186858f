#ifndef HOLKAS_SERVICE_BROKER_CANCELLATION_H_
#define HOLKAS_SERVICE_BROKER_CANCELLATION_H_

#include <sys/eventfd.h>

#include <atomic>
#include <cstdint>

#include "proto/wire/unique_fd.h"

namespace holkas {

// Tells the tasks of a job that nobody wants their results any more. Thread-safe.
class Cancellation {
 public:
  Cancellation() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void Cancel() {
    cancelled_ = true;
    // Fails only where the event is there already.
    [[maybe_unused]] int ignored = eventfd_write(event_.get(), 1);
  }
  bool cancelled() const { return cancelled_; }
  // Becomes readable when it is cancelled, and stays so. -1 where no descriptor was left.
  int fd() const { return event_.get(); }

 private:
  std::atomic<bool> cancelled_ = false;
  UniqueFd event_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_CANCELLATION_H_
