#include "clients/cli/archive_pipe.h"

#include <algorithm>

namespace holkas {
namespace {

// Pieces are as large as a server sends them, 1 MiB.
constexpr size_t kMaxWaitingBytes = 4 << 20;

}  // namespace

bool ArchivePipe::CanWrite() const { return unread_ || waiting_bytes_ < kMaxWaitingBytes; }

bool ArchivePipe::CanRead() const { return unread_ || written_ || !pieces_.empty(); }

absl::Status ArchivePipe::Write(absl::string_view bytes) {
  absl::MutexLock lock(&mutex_, absl::Condition(this, &ArchivePipe::CanWrite));
  if (unread_) {
    return absl::CancelledError("nobody reads the archive any more");
  }
  if (!bytes.empty()) {
    pieces_.emplace_back(bytes);
    waiting_bytes_ += bytes.size();
  }
  return absl::OkStatus();
}

void ArchivePipe::EndWriting(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (!written_) {
    written_ = true;
    end_ = status;
  }
}

absl::Status ArchivePipe::AwaitBytes() {
  absl::MutexLock lock(&mutex_, absl::Condition(this, &ArchivePipe::CanRead));
  return pieces_.empty() ? end_ : absl::OkStatus();
}

absl::StatusOr<size_t> ArchivePipe::Read(absl::Span<char> buffer, const std::stop_token& over) {
  const std::stop_callback stop(over, [this] { EndReading(); });
  absl::MutexLock lock(&mutex_, absl::Condition(this, &ArchivePipe::CanRead));
  if (unread_) {
    return 0;
  }
  if (pieces_.empty()) {
    return end_.ok() ? absl::StatusOr<size_t>(0) : end_;
  }
  const absl::string_view rest = absl::string_view(pieces_.front()).substr(read_);
  const size_t count = std::min(rest.size(), buffer.size());
  std::copy_n(rest.data(), count, buffer.data());
  read_ += count;
  waiting_bytes_ -= count;
  if (read_ == pieces_.front().size()) {
    pieces_.pop_front();
    read_ = 0;
  }
  return count;
}

void ArchivePipe::EndReading() {
  absl::MutexLock lock(&mutex_);
  unread_ = true;
}

}  // namespace holkas
