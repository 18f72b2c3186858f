#ifndef HOLKAS_SERVICE_BROKER_VIOLATION_H_
#define HOLKAS_SERVICE_BROKER_VIOLATION_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"

namespace holkas {

// What a worker did against the broker protocol. A call that ends so ends the job.
inline absl::Status Violation(absl::string_view what) {
  return MakeError(absl::StatusCode::kInternal, "WORKER_VIOLATION",
                   absl::StrCat("the worker broke the protocol: ", what));
}

inline bool IsViolation(const absl::Status& status) {
  return absl::IsInternal(status) && ErrorReason(status) == "WORKER_VIOLATION";
}

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_VIOLATION_H_
