#ifndef HOLKAS_WORKER_HTTP_STALL_WATCH_H_
#define HOLKAS_WORKER_HTTP_STALL_WATCH_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace holkas {

// How slow a peer may be.
struct PeerPatience {
  // Without any byte for as long as this, a peer is given up.
  absl::Duration idle = absl::Seconds(30);
  // So is one that moves fewer bytes a second than this...
  int64_t low_speed_bytes = 1024;
  // ...over this time of waiting.
  absl::Duration low_speed_window = absl::Seconds(60);
};

// Finds out that a peer stalls. Counts the time that is spent waiting for the peer, not the time
// that the caller spends elsewhere (on the other end of a copy). Has no clock.
class StallWatch {
 public:
  explicit StallWatch(const PeerPatience& patience) : patience_(patience) {}

  // Begins anew: something else is waited for from now on.
  void Restart();
  void Moved(int64_t bytes);
  void Waited(absl::Duration time);

  // How long to wait until the answer of Complaint can change.
  absl::Duration Remaining() const;
  // What is wrong with the peer, if anything: `no byte for 30s`.
  std::optional<std::string> Complaint() const;

 private:
  PeerPatience patience_;
  absl::Duration idle_;
  absl::Duration window_;
  int64_t window_bytes_ = 0;
  bool too_slow_ = false;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_STALL_WATCH_H_
