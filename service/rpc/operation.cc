#include "service/rpc/operation.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace holkas {
namespace {

// How soon a caller's hanging up is noticed.
constexpr absl::Duration kPollInterval = absl::Milliseconds(50);

}  // namespace

Operation::Operation(Clock now) : now_(std::move(now)), alone_since_(now_()) {}

void Operation::Publish(const v1::CopyResponse& event) {
  absl::MutexLock lock(&mutex_);
  for (Attachment* attachment : attached_) {
    attachment->Push(event);
  }
}

void Operation::Finish(Outcome outcome) {
  absl::MutexLock lock(&mutex_);
  outcome_ = std::move(outcome);
  for (Attachment* attachment : attached_) {
    attachment->events_.Close();
  }
}

size_t Operation::attached() const {
  absl::MutexLock lock(&mutex_);
  return attached_.size();
}

absl::Duration Operation::time_alone() const {
  absl::MutexLock lock(&mutex_);
  return attached_.empty() ? now_() - alone_since_ : absl::ZeroDuration();
}

Operation::Attachment::Attachment(std::shared_ptr<Operation> operation)
    : operation_(std::move(operation)), events_(kMaxWaitingEvents) {
  absl::MutexLock lock(&operation_->mutex_);
  operation_->attached_.push_back(this);
  if (operation_->outcome_.has_value()) {
    events_.Close();
  }
}

Operation::Attachment::~Attachment() {
  absl::MutexLock lock(&operation_->mutex_);
  std::vector<Attachment*>& attached = operation_->attached_;
  attached.erase(std::find(attached.begin(), attached.end(), this));
  if (attached.empty()) {
    operation_->alone_since_ = operation_->now_();
  }
}

void Operation::Attachment::Push(v1::CopyResponse event) {
  if (!too_slow_ && !events_.Push(std::move(event))) {
    too_slow_ = true;
    events_.Close();
  }
}

void Operation::Attachment::AwaitEnd(const std::function<bool()>& caller_is_gone) {
  while (!IsOverBefore(absl::Now() + kPollInterval)) {
    if (caller_is_gone()) {
      events_.Close();
      return;
    }
  }
}

bool Operation::Attachment::IsOverBefore(absl::Time deadline) const {
  absl::MutexLock lock(&operation_->mutex_);
  const auto is_over = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(operation_->mutex_) {
    return operation_->outcome_.has_value() || too_slow_;
  };
  return operation_->mutex_.AwaitWithDeadline(absl::Condition(&is_over), deadline);
}

Operation::Outcome Operation::Attachment::outcome() const {
  absl::MutexLock lock(&operation_->mutex_);
  if (too_slow_) {
    return TooManyWaitingEvents();
  }
  if (!operation_->outcome_.has_value()) {
    return absl::CancelledError("the caller hung up");
  }
  return *operation_->outcome_;
}

}  // namespace holkas
