#ifndef HOLKAS_SERVICE_SPOOL_SPOOLED_ARCHIVE_H_
#define HOLKAS_SERVICE_SPOOL_SPOOLED_ARCHIVE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/unique_fd.h"
#include "service/spool/spool_quota.h"

namespace holkas {

// The archive of one Import or Export, in a file without a name: whatever ends the request, nothing
// of it is left. Its bytes are never looked at here. Import appends, and a worker reads; a worker
// writes, and Export reads. One does something after the other; Measure and Discard alone are
// thread-safe.
class SpooledArchive {
 public:
  // A new empty one of `caller` in `directory`; `quota` outlives it.
  // Errors: as OpenUnnamedFile.
  static absl::StatusOr<std::unique_ptr<SpooledArchive>> Create(const std::string& directory,
                                                                SpoolQuota& quota,
                                                                std::string caller);

  // Makes sure of quota for `size_bytes`. Errors: as SpoolQuota::Share::GrowTo.
  absl::Status Reserve(int64_t size_bytes) { return share_.GrowTo(size_bytes); }

  // Writes `data` behind what was appended.
  // Errors: RESOURCE_EXHAUSTED (SPOOL_QUOTA_EXCEEDED, DISK_FULL).
  absl::Status Append(absl::string_view data);
  // How many bytes were appended.
  int64_t appended_bytes() const { return appended_bytes_; }

  // A descriptor of its own to read with, from the beginning.
  absl::StatusOr<UniqueFd> OpenToRead() const;

  // Empties it, and gives a descriptor to write and read with.
  absl::StatusOr<UniqueFd> OpenToWrite();
  // Takes quota for what the file has now, which somebody else writes to.
  // Result: its size in bytes. Errors: RESOURCE_EXHAUSTED (SPOOL_QUOTA_EXCEEDED).
  absl::StatusOr<int64_t> Measure();
  // Cuts off what is behind that.
  absl::Status CutTo(int64_t size_bytes);

  // Gives its bytes on the disk and its quota back before it is destroyed: it is empty, and nobody
  // writes to it any more. Thread-safe.
  void Discard();

  // Reads bytes from `offset` on. Result: how many; 0 at the end.
  absl::StatusOr<size_t> ReadAt(int64_t offset, absl::Span<char> buffer) const;

 private:
  SpooledArchive(UniqueFd file, SpoolQuota& quota, std::string caller)
      : file_(std::move(file)), share_(quota, std::move(caller)) {}

  const UniqueFd file_;
  SpoolQuota::Share share_;
  int64_t appended_bytes_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_SPOOL_SPOOLED_ARCHIVE_H_
