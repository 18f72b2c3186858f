#include "worker/archive/random_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {

absl::StatusOr<size_t> ReadFileAt(int fd, int64_t offset, absl::Span<char> buffer) {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count =
        pread(fd, buffer.data() + done, buffer.size() - done, offset + static_cast<int64_t>(done));
    if (count == 0) {
      break;
    }
    if (count < 0 && errno != EINTR) {
      return ErrnoError(errno, "read file");
    }
    done += count < 0 ? 0 : static_cast<size_t>(count);
  }
  return done;
}

absl::StatusOr<int64_t> RandomFile::SizeBytes() const {
  const off_t end = lseek(fd_.get(), 0, SEEK_END);
  if (end < 0) {
    return ErrnoError(errno, "seek file");
  }
  return int64_t{end};
}

absl::StatusOr<size_t> RangeSource::Read(absl::Span<char> buffer) {
  const size_t wanted =
      static_cast<size_t>(std::min<int64_t>(left_bytes_, static_cast<int64_t>(buffer.size())));
  ASSIGN_OR_RETURN(const size_t count, file_.ReadAt(offset_, buffer.subspan(0, wanted)));
  if (count < wanted) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("read archive: it ends ", left_bytes_ - count,
                                  " bytes before its member does"));
  }
  offset_ += static_cast<int64_t>(count);
  left_bytes_ -= static_cast<int64_t>(count);
  return count;
}

}  // namespace holkas
