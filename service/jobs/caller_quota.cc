#include "service/jobs/caller_quota.h"

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {

absl::StatusOr<CallerQuota::Place> CallerQuota::Enter(const std::string& caller) {
  absl::MutexLock lock(&mutex_);
  int& requests = requests_[caller];
  if (requests >= max_per_caller_) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("admit request: ", requests, " of ", caller,
                                  " run or wait already (limits.max_requests_per_caller)"));
  }
  ++requests;
  return Place(*this, caller);
}

void CallerQuota::Leave(const std::string& caller) {
  absl::MutexLock lock(&mutex_);
  const auto requests = requests_.find(caller);
  if (--requests->second == 0) {
    requests_.erase(requests);
  }
}

}  // namespace holkas
