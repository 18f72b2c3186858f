#include "service/rpc/tag_queue.h"

#include <utility>

namespace holkas {

void TagQueue::Push(v1::ListTagsResponse tags) {
  absl::MutexLock lock(&mutex_);
  bytes_ += tags.ByteSizeLong();
  parts_.push_back(std::move(tags));
}

bool TagQueue::IsFull() const {
  absl::MutexLock lock(&mutex_);
  return bytes_ >= full_bytes_;
}

void TagQueue::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

std::optional<v1::ListTagsResponse> TagQueue::Pop() {
  absl::MutexLock lock(&mutex_, absl::Condition(this, &TagQueue::Ready));
  if (parts_.empty()) {
    return std::nullopt;
  }
  v1::ListTagsResponse tags = std::move(parts_.front());
  parts_.pop_front();
  bytes_ -= tags.ByteSizeLong();
  return tags;
}

}  // namespace holkas
