#include "service/jobs/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// How soon a caller's hanging up is noticed.
constexpr absl::Duration kPollInterval = absl::Milliseconds(50);

absl::Status Draining() {
  return MakeError(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                   "the server is shutting down");
}

}  // namespace

absl::StatusOr<Admission::Slot> Admission::Enter(absl::Time deadline,
                                                 const std::function<bool()>& cancelled) {
  absl::MutexLock lock(&mutex_);
  if (draining_) {
    return Draining();
  }
  if (running_ < max_concurrent_) {
    ++running_;
    return Slot(*this);
  }
  if (static_cast<int>(queue_.size()) >= max_queued_) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("admit request: ", max_concurrent_, " run and ", max_queued_,
                                  " wait already (limits.max_queued_requests)"));
  }
  Waiter waiter;
  const auto place = queue_.insert(queue_.end(), &waiter);
  absl::Status why_not = AwaitTurn(waiter, deadline, cancelled);
  if (waiter.refused) {
    return Draining();
  }
  if (why_not.ok()) {
    return Slot(*this);
  }
  // Leaves the queue, or hands on the slot that came at the last moment.
  if (waiter.admitted) {
    --running_;
    PassOn();
  } else {
    queue_.erase(place);
  }
  return why_not;
}

absl::Status Admission::AwaitTurn(const Waiter& waiter, absl::Time deadline,
                                  const std::function<bool()>& cancelled) {
  for (;;) {
    mutex_.AwaitWithDeadline(absl::Condition(&waiter, &Waiter::settled),
                             std::min(deadline, absl::Now() + kPollInterval));
    if (waiter.settled()) {
      return absl::OkStatus();
    }
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError("the deadline passed before the request could run");
    }
    mutex_.Unlock();
    const bool gone = cancelled && cancelled();
    mutex_.Lock();
    if (gone) {
      return absl::CancelledError("the caller hung up");
    }
  }
}

void Admission::PassOn() {
  while (running_ < max_concurrent_ && !queue_.empty()) {
    ++running_;
    queue_.front()->admitted = true;
    queue_.pop_front();
  }
}

void Admission::Leave() {
  absl::MutexLock lock(&mutex_);
  --running_;
  PassOn();
}

absl::Status Admission::CheckOpen() const {
  absl::MutexLock lock(&mutex_);
  return draining_ ? Draining() : absl::OkStatus();
}

void Admission::Drain() {
  absl::MutexLock lock(&mutex_);
  draining_ = true;
  for (Waiter* waiter : queue_) {
    waiter->refused = true;
  }
  queue_.clear();
}

bool Admission::WaitUntilIdle(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithDeadline(absl::Condition(this, &Admission::Idle), deadline);
}

int Admission::running() const {
  absl::MutexLock lock(&mutex_);
  return running_;
}

}  // namespace holkas
