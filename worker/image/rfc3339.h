#ifndef HOLKAS_WORKER_IMAGE_RFC3339_H_
#define HOLKAS_WORKER_IMAGE_RFC3339_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace holkas {

// A moment as a configuration writes it, in its own time zone.
struct Rfc3339Time {
  // As Go's RFC3339Nano writes it: at most nine digits of a second without zeros at the end, `Z`
  // for an offset of zero.
  std::string text;
  absl::Time time;
};

// Parses the date-time of RFC 3339, strictly: capital T and Z, no leap second, an offset of less
// than a day. Digits after the ninth of a second are dropped.
// Errors: INVALID_ARGUMENT without a reason.
absl::StatusOr<Rfc3339Time> ParseRfc3339(absl::string_view text);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_RFC3339_H_
