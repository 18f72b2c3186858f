#ifndef HOLKAS_CLIENTS_CLI_ARCHIVE_PIPE_H_
#define HOLKAS_CLIENTS_CLI_ARCHIVE_PIPE_H_

#include <deque>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"

namespace holkas {

// The bytes of an archive on their way from a call that gives it, on one thread, to a call that
// takes it, on another. A few of them are in it at most: who is quicker waits.
class ArchivePipe {
 public:
  // Waits until there is room. Errors: CANCELLED where nobody reads any more.
  absl::Status Write(absl::string_view bytes);
  // Nothing follows: the archive is whole, or `status` says why it is not. The first one counts.
  void EndWriting(const absl::Status& status);

  // Waits until something is there to be read, or the end. Errors: that of EndWriting, where
  // nothing had been written.
  absl::Status AwaitBytes();
  // The next bytes, how many of them; waits for some. 0 at the end, and where `over` stops it.
  // Errors: that of EndWriting.
  absl::StatusOr<size_t> Read(absl::Span<char> buffer, const std::stop_token& over);
  // Nobody reads any more.
  void EndReading();

 private:
  bool CanWrite() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool CanRead() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::deque<std::string> pieces_ ABSL_GUARDED_BY(mutex_);
  // Of the first piece, read already.
  size_t read_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool written_ ABSL_GUARDED_BY(mutex_) = false;
  bool unread_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_ARCHIVE_PIPE_H_
