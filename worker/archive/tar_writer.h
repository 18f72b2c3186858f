#ifndef HOLKAS_WORKER_ARCHIVE_TAR_WRITER_H_
#define HOLKAS_WORKER_ARCHIVE_TAR_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace holkas {

// Writes small members of a tar archive, one behind the other, in the form ustar, without owners
// and times: the same members give the same bytes, those that Go's archive/tar would write. Large
// ones are TarQueue's. Not thread-safe.
//
// Errors everywhere: those of writing, RESOURCE_EXHAUSTED (DISK_FULL) among them. After one the
// archive is not to be used.
class TarWriter {
 public:
  // Writes into the file `fd`, which outlives the writer, from `offset` on.
  explicit TarWriter(int fd, int64_t offset = 0) : fd_(fd), offset_(offset) {}

  // A whole member; files have mode 0444, directories 0755.
  absl::Status AddFile(absl::string_view name, absl::string_view content);
  absl::Status AddSymlink(absl::string_view name, absl::string_view target);
  absl::Status AddDirectory(absl::string_view name);

  // Writes the end of the archive. Nothing may follow.
  absl::Status Finish();

  // Where the next member begins.
  int64_t offset() const { return offset_; }

 private:
  absl::Status Append(absl::string_view data);

  const int fd_;
  int64_t offset_;
};

// The header of a file with the name and the size, as TarWriter writes it.
std::string TarFileHeader(absl::string_view name, int64_t size_bytes);

// Writes all of `data` to `fd` from `offset` on.
absl::Status WriteAllAt(int fd, int64_t offset, absl::string_view data);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_TAR_WRITER_H_
