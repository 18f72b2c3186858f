#include "worker/http/stall_watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace holkas {

void StallWatch::Restart() {
  idle_ = absl::ZeroDuration();
  window_ = absl::ZeroDuration();
  window_bytes_ = 0;
}

void StallWatch::Moved(int64_t bytes) {
  idle_ = absl::ZeroDuration();
  window_bytes_ += bytes;
}

void StallWatch::Waited(absl::Duration time) {
  if (window_ >= patience_.low_speed_window && !TooSlow()) {
    window_ = absl::ZeroDuration();
    window_bytes_ = 0;
  }
  idle_ += time;
  window_ += time;
}

bool StallWatch::TooSlow() const {
  return window_ >= patience_.low_speed_window &&
         static_cast<double>(window_bytes_) <
             static_cast<double>(patience_.low_speed_bytes) * absl::ToDoubleSeconds(window_);
}

absl::Duration StallWatch::Remaining() const {
  const absl::Duration window_left = window_ < patience_.low_speed_window
                                         ? patience_.low_speed_window - window_
                                         : patience_.low_speed_window;
  return std::max(absl::ZeroDuration(), std::min(patience_.idle - idle_, window_left));
}

std::optional<std::string> StallWatch::Complaint() const {
  if (idle_ >= patience_.idle) {
    return absl::StrCat("no byte for ", absl::FormatDuration(patience_.idle));
  }
  if (TooSlow()) {
    return absl::StrCat("less than ", patience_.low_speed_bytes, " bytes a second for ",
                        absl::FormatDuration(patience_.low_speed_window));
  }
  return std::nullopt;
}

}  // namespace holkas
