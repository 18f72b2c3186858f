#include "worker/http/stall_watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace holkas {

void StallWatch::Restart() {
  idle_ = absl::ZeroDuration();
  window_ = absl::ZeroDuration();
  window_bytes_ = 0;
  too_slow_ = false;
}

void StallWatch::Moved(int64_t bytes) {
  idle_ = absl::ZeroDuration();
  window_bytes_ += bytes;
}

void StallWatch::Waited(absl::Duration time) {
  idle_ += time;
  window_ += time;
  if (window_ >= patience_.low_speed_window) {
    too_slow_ |= static_cast<double>(window_bytes_) <
                 static_cast<double>(patience_.low_speed_bytes) * absl::ToDoubleSeconds(window_);
    window_ = absl::ZeroDuration();
    window_bytes_ = 0;
  }
}

absl::Duration StallWatch::Remaining() const {
  return std::max(absl::ZeroDuration(),
                  std::min(patience_.idle - idle_, patience_.low_speed_window - window_));
}

std::optional<std::string> StallWatch::Complaint() const {
  if (idle_ >= patience_.idle) {
    return absl::StrCat("no byte for ", absl::FormatDuration(patience_.idle));
  }
  if (too_slow_) {
    return absl::StrCat("less than ", patience_.low_speed_bytes, " bytes a second for ",
                        absl::FormatDuration(patience_.low_speed_window));
  }
  return std::nullopt;
}

}  // namespace holkas
