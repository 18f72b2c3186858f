#ifndef HOLKAS_WORKER_SQUASHFS_SQUASHFS_INPUT_H_
#define HOLKAS_WORKER_SQUASHFS_SQUASHFS_INPUT_H_

#include <sqfs/compressor.h>
#include <sqfs/io.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/archive/random_file.h"

namespace holkas {

// What libsquashfs reads a file system through: a range of a file, and the decoder of its blocks.
// Both are of a stranger's making, so what is read beyond the range, and what comes out of the
// blocks altogether, is bounded here. Nothing here knows what a block means. Not thread-safe.

// The size of a decoded block of metadata.
inline constexpr uint32_t kSquashfsMetadataBytes = 8192;

// What libsquashfs makes.
struct SqfsDeleter {
  template <typename T>
  void operator()(T* object) const {
    sqfs_destroy(object);
  }
};
template <typename T>
using SqfsPointer = std::unique_ptr<T, SqfsDeleter>;

// FAILED_PRECONDITION (INVALID_ARCHIVE): the file system is not what it should be.
absl::Status InvalidSquashfs(absl::string_view why);
// RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::Status SquashfsLimitExceeded(absl::string_view what, int64_t limit);

// A part of a file. libsquashfs has no more than a number for what goes wrong: the first error of
// reading is kept.
class SquashfsRange : private sqfs_file_t {
 public:
  // The file outlives the range.
  SquashfsRange(const RandomFile& file, int64_t offset, int64_t size_bytes);
  SquashfsRange(const SquashfsRange&) = delete;
  SquashfsRange& operator=(const SquashfsRange&) = delete;

  // As many bytes as `buffer` has. Errors: INVALID_ARCHIVE where they are not all in the range.
  absl::Status ReadAt(uint64_t offset, absl::Span<char> buffer);

  int64_t size_bytes() const { return size_bytes_; }
  const absl::Status& error() const { return error_; }
  // For libsquashfs. It belongs to the range.
  sqfs_file_t* get() { return this; }

 private:
  static int ReadAt(sqfs_file_t* self, sqfs_u64 offset, void* buffer, size_t size);

  const RandomFile& file_;
  const int64_t offset_;
  const int64_t size_bytes_;
  absl::Status error_;
};

// Decodes blocks, and counts what comes out of them.
class SquashfsDecoder : private sqfs_compressor_t {
 public:
  // A decoder for blocks of at most `block_bytes`, compressed as the superblock's `compression_id`
  // says; altogether `max_bytes` may come out of them.
  // Errors: UNIMPLEMENTED (OPTION_UNIMPLEMENTED) for a compression that libsquashfs does not have.
  static absl::StatusOr<std::unique_ptr<SquashfsDecoder>> New(uint16_t compression_id,
                                                              uint32_t block_bytes,
                                                              int64_t max_bytes);
  SquashfsDecoder(const SquashfsDecoder&) = delete;
  SquashfsDecoder& operator=(const SquashfsDecoder&) = delete;

  // Decodes `block` into `output`. Result: how many bytes came out.
  // Errors: INVALID_ARCHIVE; LIMIT_EXCEEDED.
  absl::StatusOr<size_t> Decode(absl::Span<const char> block, absl::Span<char> output);

  // Whether more came out than may.
  bool is_exhausted() const { return left_bytes_ < 0; }
  int64_t max_bytes() const { return max_bytes_; }
  // For libsquashfs. It belongs to the decoder.
  sqfs_compressor_t* get() { return this; }

 private:
  SquashfsDecoder(SqfsPointer<sqfs_compressor_t> codec, int64_t max_bytes);
  static sqfs_s32 Decode(sqfs_compressor_t* self, const sqfs_u8* in, sqfs_u32 size, sqfs_u8* out,
                         sqfs_u32 out_size);

  const SqfsPointer<sqfs_compressor_t> codec_;
  const int64_t max_bytes_;
  int64_t left_bytes_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_SQUASHFS_SQUASHFS_INPUT_H_
