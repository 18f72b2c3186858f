#ifndef HOLKAS_WORKER_ARCHIVE_RANDOM_FILE_H_
#define HOLKAS_WORKER_ARCHIVE_RANDOM_FILE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// Reads as many bytes as `buffer` has, from `offset` of a regular file on; fewer only at its end.
absl::StatusOr<size_t> ReadFileAt(int fd, int64_t offset, absl::Span<char> buffer);

// A regular file that holkasd opened, read at any place of it: an archive. Thread-safe.
class RandomFile {
 public:
  explicit RandomFile(UniqueFd fd) : fd_(std::move(fd)) {}

  // As ReadFileAt.
  absl::StatusOr<size_t> ReadAt(int64_t offset, absl::Span<char> buffer) const {
    return ReadFileAt(fd_.get(), offset, buffer);
  }

  // The size of the file now.
  absl::StatusOr<int64_t> SizeBytes() const;

  // Gives the file away. Nothing may be read after it.
  UniqueFd Release() { return std::move(fd_); }

 private:
  UniqueFd fd_;
};

// `size_bytes` bytes of a file, from `offset` on: a member of an archive. The file outlives it.
class RangeSource : public ByteSource {
 public:
  RangeSource(const RandomFile& file, int64_t offset, int64_t size_bytes)
      : file_(file), offset_(offset), left_bytes_(size_bytes) {}

  // Errors, beside those of reading: DATA_LOSS (CONTENT_MISMATCH) where the file ends before.
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;

 private:
  const RandomFile& file_;
  int64_t offset_;
  int64_t left_bytes_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_RANDOM_FILE_H_
