#ifndef HOLKAS_SERVICE_BROKER_LIMIT_EXCEEDED_H_
#define HOLKAS_SERVICE_BROKER_LIMIT_EXCEEDED_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"

namespace holkas {

// What a job wants more of than it may have, where an honest worker can come there.
inline absl::Status LimitExceeded(absl::string_view what, int64_t limit) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat(what, ": more than ", limit));
}

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_LIMIT_EXCEEDED_H_
