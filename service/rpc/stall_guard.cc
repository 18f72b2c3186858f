#include "service/rpc/stall_guard.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"

namespace holkas {

absl::StatusOr<std::unique_ptr<StallGuard>> StallGuard::Start(std::function<void()> cancel,
                                                              absl::Duration pause,
                                                              absl::Time deadline) {
  std::unique_ptr<StallGuard> guard(new StallGuard(std::move(cancel), pause, deadline));
  try {
    guard->thread_ = std::thread([&guard = *guard] { guard.Watch(); });
  } catch (const std::system_error& error) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("start a thread: ", error.what()));
  }
  return guard;
}

StallGuard::StallGuard(std::function<void()> cancel, absl::Duration pause, absl::Time deadline)
    : cancel_(std::move(cancel)), pause_(pause), deadline_(deadline), last_(absl::Now()) {}

StallGuard::~StallGuard() {
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void StallGuard::Progress() {
  absl::MutexLock lock(&mutex_);
  last_ = absl::Now();
}

absl::Status StallGuard::status() const {
  absl::MutexLock lock(&mutex_);
  return status_;
}

void StallGuard::Watch() {
  {
    absl::MutexLock lock(&mutex_);
    for (absl::Time limit = std::min(last_ + pause_, deadline_); absl::Now() < limit;
         limit = std::min(last_ + pause_, deadline_)) {
      if (mutex_.AwaitWithDeadline(absl::Condition(&ended_), limit)) {
        return;
      }
    }
    status_ = absl::DeadlineExceededError(
        absl::Now() >= deadline_
            ? "the request took longer than it may"
            : absl::StrCat("the caller did nothing for ", absl::FormatDuration(pause_)));
  }
  cancel_();
}

}  // namespace holkas
