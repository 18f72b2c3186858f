#include "service/rpc/stall_guard.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"

namespace holkas {

absl::StatusOr<std::unique_ptr<StallGuard>> StallGuard::Start(Call call, absl::Duration pause,
                                                              absl::Time deadline) {
  std::unique_ptr<StallGuard> guard(new StallGuard(std::move(call), pause, deadline));
  try {
    guard->thread_ = std::thread([&guard = *guard] { guard.Run(); });
  } catch (const std::system_error& error) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("start a thread: ", error.what()));
  }
  return guard;
}

StallGuard::StallGuard(Call call, absl::Duration pause, absl::Time deadline)
    : call_(std::move(call)), pause_(pause), deadline_(deadline), last_(absl::Now()) {}

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

void StallGuard::Run() {
  const Outcome outcome = Watch();
  if (outcome == Outcome::kBroken) {
    call_.cancel(status());
  }
  if (outcome != Outcome::kEnded && call_.let_go != nullptr) {
    call_.let_go();
  }
}

StallGuard::Outcome StallGuard::Watch() {
  absl::MutexLock lock(&mutex_);
  for (;;) {
    const absl::Time now = absl::Now();
    const absl::Time limit = std::min(last_ + pause_, deadline_ + kGrace);
    if (now >= limit) {
      status_ = absl::DeadlineExceededError(
          now >= deadline_
              ? "the request took longer than it may"
              : absl::StrCat("the caller did nothing for ", absl::FormatDuration(pause_)));
      return Outcome::kBroken;
    }
    const bool asks = call_.cancelled != nullptr || call_.check != nullptr;
    if (mutex_.AwaitWithDeadline(absl::Condition(&ended_),
                                 asks ? std::min(limit, now + kLookInterval) : limit)) {
      return Outcome::kEnded;
    }
    if (call_.cancelled != nullptr && call_.cancelled()) {
      return Outcome::kCancelled;
    }
    if (call_.check != nullptr && !(status_ = call_.check()).ok()) {
      return mutex_.AwaitWithTimeout(absl::Condition(&ended_), kGrace) ? Outcome::kEnded
                                                                       : Outcome::kBroken;
    }
  }
}

}  // namespace holkas
