#include "service/broker/connection_quota.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// How soon a waiter sees that nobody wants its job any more.
constexpr absl::Duration kCancellationTick = absl::Milliseconds(50);

}  // namespace

absl::StatusOr<ConnectionQuota::Reservation> ConnectionQuota::Reserve(
    Shares shares, absl::Time deadline, const Cancellation& cancellation) {
  for (auto& [registry, count] : shares) {
    count = std::clamp(count, 0, limit_);
  }
  absl::MutexLock lock(&mutex_);
  const auto place = waiting_.insert(waiting_.end(), &shares);
  absl::Status status;
  while (status.ok() && !IsTurnOf(shares)) {
    if (cancellation.cancelled()) {
      status = absl::CancelledError("the job was cancelled");
    } else if (absl::Now() >= deadline) {
      status = MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE",
                         absl::StrCat("connect to ", shares.begin()->first,
                                      ": all connections to the registry are in use, at most ",
                                      limit_, " are made"));
    } else {
      changed_.WaitWithDeadline(&mutex_, std::min(deadline, absl::Now() + kCancellationTick));
    }
  }
  waiting_.erase(place);
  changed_.SignalAll();
  if (!status.ok()) {
    return status;
  }
  for (const auto& [registry, count] : shares) {
    reserved_[registry] += count;
  }
  return Reservation(*this, std::move(shares));
}

bool ConnectionQuota::IsTurnOf(const Shares& shares) const {
  const bool left = std::all_of(shares.begin(), shares.end(), [this](const auto& share) {
    const auto found = reserved_.find(share.first);
    return share.second + (found == reserved_.end() ? 0 : found->second) <= limit_;
  });
  const auto self = std::find(waiting_.begin(), waiting_.end(), &shares);
  return left && std::none_of(waiting_.begin(), self, [&](const Shares* earlier) {
           return std::any_of(shares.begin(), shares.end(),
                              [&](const auto& share) { return earlier->count(share.first) != 0; });
         });
}

void ConnectionQuota::GiveBack(const Shares& shares) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [registry, count] : shares) {
    const auto found = reserved_.find(registry);
    found->second -= count;
    if (found->second == 0) {
      reserved_.erase(found);  // registries that were used once are not remembered
    }
  }
  changed_.SignalAll();
}

}  // namespace holkas
