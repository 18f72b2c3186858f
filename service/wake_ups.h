#ifndef HOLKAS_SERVICE_WAKE_UPS_H_
#define HOLKAS_SERVICE_WAKE_UPS_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// What the main thread of holkasd waits for: a signal to end, or the end of the one connection that
// it serves. One thread waits; any may call EndOfConnection.
class WakeUps {
 public:
  enum class Reason { kNone, kSignal, kConnectionEnded };

  // Blocks SIGTERM and SIGINT in the calling thread and those that it starts, and takes them as
  // events; ignores SIGPIPE and SIGHUP. Call it before there are other threads.
  static absl::StatusOr<WakeUps> Create();

  // kNone at `deadline`.
  Reason Wait(absl::Time deadline);

  void EndOfConnection();

 private:
  WakeUps() = default;
  UniqueFd signals_;
  UniqueFd connection_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_WAKE_UPS_H_
