#include "service/rpc/event_queue.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

using v1::CopyResponse;

// The blob that an event other than BlobProgress is about; empty where it is about none.
std::string BlobOf(const CopyResponse& event) {
  switch (event.event_case()) {
    case CopyResponse::kBlobStarted:
      return event.blob_started().digest();
    case CopyResponse::kBlobFinished:
      return event.blob_finished().digest();
    default:
      return std::string();
  }
}

}  // namespace

absl::Status TooManyWaitingEvents() {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("send events: more than ", kMaxWaitingEvents,
                                " wait for the caller to read them"));
}

bool EventQueue::Push(CopyResponse event) {
  absl::MutexLock lock(&mutex_);
  if (closed_) {
    return true;
  }
  const bool is_progress = event.event_case() == CopyResponse::kBlobProgress;
  if (is_progress) {
    const auto waiting = progress_.find(event.blob_progress().digest());
    if (waiting != progress_.end()) {
      *waiting->second = std::move(event);
      return true;
    }
  } else {
    // A blob may start anew after a failed attempt: later progress must not slip in front of that.
    progress_.erase(BlobOf(event));
  }
  if (events_.size() >= max_events_) {
    return false;
  }
  events_.push_back(std::move(event));
  if (is_progress) {
    CopyResponse& added = events_.back();
    progress_[added.blob_progress().digest()] = &added;
  }
  return true;
}

void EventQueue::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

std::optional<CopyResponse> EventQueue::Pop() {
  absl::MutexLock lock(&mutex_, absl::Condition(this, &EventQueue::Ready));
  if (events_.empty()) {
    return std::nullopt;
  }
  if (events_.front().event_case() == CopyResponse::kBlobProgress) {
    const auto waiting = progress_.find(events_.front().blob_progress().digest());
    if (waiting != progress_.end() && waiting->second == &events_.front()) {
      progress_.erase(waiting);
    }
  }
  CopyResponse event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace holkas
