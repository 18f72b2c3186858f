#include "service/spool/spooled_archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/broker/unnamed_file.h"

namespace holkas {
namespace {

absl::StatusOr<UniqueFd> Reopen(const UniqueFd& file, int flags) {
  UniqueFd opened(open(absl::StrCat("/proc/self/fd/", file.get()).c_str(), flags | O_CLOEXEC));
  if (!opened.valid()) {
    return ErrnoError(errno, "open the archive");
  }
  return opened;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SpooledArchive>> SpooledArchive::Create(const std::string& directory,
                                                                       SpoolQuota& quota,
                                                                       std::string caller) {
  ASSIGN_OR_RETURN(UniqueFd file, OpenUnnamedFile(directory, "a file for the archive"));
  return std::unique_ptr<SpooledArchive>(
      new SpooledArchive(std::move(file), quota, std::move(caller)));
}

absl::Status SpooledArchive::Append(absl::string_view data) {
  RETURN_IF_ERROR(share_.GrowTo(appended_bytes_ + static_cast<int64_t>(data.size())));
  while (!data.empty()) {
    const ssize_t count = pwrite(file_.get(), data.data(), data.size(), appended_bytes_);
    if (count < 0 && errno != EINTR) {
      return ErrnoError(errno, "write the archive");
    }
    if (count > 0) {
      appended_bytes_ += count;
      data.remove_prefix(static_cast<size_t>(count));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> SpooledArchive::OpenToRead() const { return Reopen(file_, O_RDONLY); }

absl::StatusOr<UniqueFd> SpooledArchive::OpenToWrite() {
  if (ftruncate(file_.get(), 0) != 0) {
    return ErrnoError(errno, "empty the archive");
  }
  return Reopen(file_, O_RDWR);
}

absl::StatusOr<int64_t> SpooledArchive::Measure() {
  struct stat status = {};
  if (fstat(file_.get(), &status) != 0) {
    return ErrnoError(errno, "stat the archive");
  }
  // Not what the file takes: no worker can make it take more than its size, and the file system
  // may have made room in advance.
  RETURN_IF_ERROR(share_.GrowTo(status.st_size));
  return status.st_size;
}

absl::Status SpooledArchive::CutTo(int64_t size_bytes) {
  return ftruncate(file_.get(), size_bytes) == 0 ? absl::OkStatus()
                                                 : ErrnoError(errno, "cut the archive off");
}

void SpooledArchive::Discard() {
  // Where that fails, the end of the file does it.
  if (ftruncate(file_.get(), 0) == 0) {
    share_.Release();
  }
}

absl::StatusOr<size_t> SpooledArchive::ReadAt(int64_t offset, absl::Span<char> buffer) const {
  while (true) {
    const ssize_t count = pread(file_.get(), buffer.data(), buffer.size(), offset);
    if (count >= 0) {
      return static_cast<size_t>(count);
    }
    if (errno != EINTR) {
      return ErrnoError(errno, "read the archive");
    }
  }
}

}  // namespace holkas
