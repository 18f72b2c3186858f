#include "service/auth/pending_requests.h"

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// As many connections as a server can have. Nobody tells that one has ended: the oldest are
// forgotten.
constexpr size_t kMaxConnections = 65536;

}  // namespace

uint64_t PendingRequests::NewConnection() {
  absl::MutexLock lock(&mutex_);
  return ++last_connection_;
}

absl::Status PendingRequests::Begin(uint64_t connection) {
  absl::MutexLock lock(&mutex_);
  int& pending = pending_[connection];
  if (pending >= max_per_connection_) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("admit request: ", pending,
                                  " of its connection have no message yet "
                                  "(limits.max_streams_per_connection)"));
  }
  ++pending;
  if (pending_.size() > kMaxConnections) {
    pending_.erase(pending_.begin());
  }
  return absl::OkStatus();
}

void PendingRequests::Arrive(uint64_t connection) {
  absl::MutexLock lock(&mutex_);
  const auto found = pending_.find(connection);
  if (found == pending_.end()) {
    return;
  }
  // Itself, and one that was taken back.
  constexpr int kMadeUp = 2;
  found->second -= kMadeUp;
  if (found->second <= 0) {
    pending_.erase(found);
  }
}

}  // namespace holkas
