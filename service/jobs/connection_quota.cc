#include "service/jobs/connection_quota.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace holkas {
namespace {

// How soon a waiter sees that nobody wants its job any more.
constexpr absl::Duration kCancellationTick = absl::Milliseconds(50);

}  // namespace

absl::StatusOr<ConnectionQuota::Reservation> ConnectionQuota::Reserve(
    Shares shares, absl::Time deadline, const std::function<bool()>& cancelled) {
  for (auto& [registry, count] : shares) {
    count = std::clamp(count, 0, limit_);
  }
  absl::MutexLock lock(&mutex_);
  const auto place = waiting_.insert(waiting_.end(), &shares);
  const absl::Status status = AwaitTurn(shares, deadline, cancelled);
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

absl::Status ConnectionQuota::AwaitTurn(const Shares& shares, absl::Time deadline,
                                        const std::function<bool()>& cancelled) {
  while (!IsTurnOf(shares)) {
    mutex_.Unlock();
    const bool is_cancelled = cancelled && cancelled();
    mutex_.Lock();
    if (is_cancelled) {
      return absl::CancelledError("the request was cancelled while it waited for its registry");
    }
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("the request's time ran out while it waited for its registry: ", limit_,
                       " connections to ", shares.begin()->first,
                       " are in use or spoken for (limits.max_connections_per_registry)"));
    }
    changed_.WaitWithDeadline(&mutex_, std::min(deadline, absl::Now() + kCancellationTick));
  }
  return absl::OkStatus();
}

bool ConnectionQuota::IsTurnOf(const Shares& shares) const {
  for (const auto& [registry, count] : shares) {
    const auto found = reserved_.find(registry);
    if (count + (found == reserved_.end() ? 0 : found->second) > limit_) {
      return false;
    }
  }
  const auto self = std::find(waiting_.begin(), waiting_.end(), &shares);
  return std::none_of(waiting_.begin(), self, [&shares](const Shares* earlier) {
    return std::any_of(shares.begin(), shares.end(),
                       [earlier](const auto& share) { return earlier->count(share.first) != 0; });
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
