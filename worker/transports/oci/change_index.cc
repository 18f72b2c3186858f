#include "worker/transports/oci/change_index.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/transports/files/file_sink.h"
#include "worker/transports/files/file_source.h"

namespace holkas {
namespace {

using Change = absl::FunctionRef<absl::Status(LayoutIndex& index)>;

// How often the list of images is changed again because another tool wrote it meanwhile.
constexpr int kMaxAttempts = 20;

// Skopeo writes index.json in place: who reads it meanwhile finds a part of it. For so long a list
// that cannot be read counts as one being written.
constexpr int kMaxUnreadable = 10;
constexpr absl::Duration kUnreadablePause = absl::Milliseconds(30);

absl::Status WriteChanged(Broker::PublishLock& lock, Change change) {
  LayoutIndex index;
  if (lock.current.has_value()) {
    FileSource current(*std::move(lock.current));
    ASSIGN_OR_RETURN(std::string text, ReadWholeFile(current, kMaxLayoutIndexBytes, "index.json"));
    ASSIGN_OR_RETURN(index, LayoutIndex::Parse(text));
  }
  RETURN_IF_ERROR(change(index));
  const std::string text = index.Write();
  // Or nobody could read the layout any more.
  if (static_cast<int64_t>(text.size()) > kMaxLayoutIndexBytes) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("it would have more than ", kMaxLayoutIndexBytes, " bytes"));
  }
  return WriteAll(lock.next.fd.get(), text);
}

// Errors, beside others: ABORTED without a reason where the list changed since it was read;
// FAILED_PRECONDITION (INVALID_MANIFEST) where it is no index.
absl::Status TryChange(Broker& broker, Change change) {
  ASSIGN_OR_RETURN(Broker::PublishLock lock, broker.BeginPublish());
  absl::Status written = WriteChanged(lock, change);
  // holkasd publishes nothing that somebody could still write to.
  lock.next.fd.reset();
  if (!written.ok()) {
    // Gives the lock back; where that fails the job's end does.
    (void)broker.DropFile(lock.next.id);
    return written;
  }
  return broker.Publish(lock.next.id, /*size_bytes=*/0);
}

}  // namespace

absl::Status ChangeIndex(Broker& broker, Change change) {
  absl::Status status;
  int unreadable = 0;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    status = TryChange(broker, change);
    const std::string reason = ErrorReason(status);
    if (reason == "INVALID_MANIFEST" && ++unreadable < kMaxUnreadable) {
      absl::SleepFor(kUnreadablePause);
    } else if (!absl::IsAborted(status) || !reason.empty()) {
      break;
    }
  }
  return status;
}

}  // namespace holkas
