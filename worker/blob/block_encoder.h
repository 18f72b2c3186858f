#ifndef HOLKAS_WORKER_BLOB_BLOCK_ENCODER_H_
#define HOLKAS_WORKER_BLOB_BLOCK_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// A compressed stream is made of blocks that are compressed apart from one another, on several
// threads, and then put together in their order. What comes out depends on the input and on the
// level alone, not on the threads. For CompressingSource.

// A block, compressed.
struct EncodedBlock {
  std::string bytes;
  // Of the block's content (RFC 1952, 8), where the format wants it.
  uint32_t crc32 = 0;
};

// Compresses one block after the other. Not thread-safe; each thread has one of its own.
class BlockEncoder {
 public:
  virtual ~BlockEncoder() = default;

  // `block` is all of the format's block_bytes, or less where the stream ends; `before`: what comes
  // before it in the stream, as much as the format wants; `number`: how many blocks come before it.
  // Errors: RESOURCE_EXHAUSTED where there is no memory.
  virtual absl::StatusOr<EncodedBlock> Encode(int64_t number, absl::string_view before,
                                              absl::string_view block) = 0;
};

// What the blocks of one format become a stream with. Immutable.
class BlockFormat {
 public:
  virtual ~BlockFormat() = default;

  // How many bytes of the stream a block has.
  virtual size_t block_bytes() const = 0;
  // How many bytes before a block its encoder looks at.
  virtual size_t before_bytes() const = 0;

  virtual absl::StatusOr<std::unique_ptr<BlockEncoder>> NewEncoder() const = 0;

  // What the stream has before its first block.
  virtual std::string Header() const = 0;
  // The checksum of a stream with one more block of `size` bytes.
  virtual uint32_t CombineCrc32(uint32_t crc32, uint32_t block_crc32, int64_t size) const = 0;
  // What the stream has behind its last block; `size`: of all that was compressed.
  virtual std::string Trailer(uint32_t crc32, int64_t size) const = 0;
};

// gzip (RFC 1952). Without a level by ISA-L, which is the fastest, as one member. With one, from 0
// (stored) to 9 (smallest), as NewGzipMembersFormat; -1 is 5, and -2 has Huffman codes alone.
// Errors: INVALID_ARGUMENT (INVALID_FIELD) for other levels.
absl::StatusOr<std::unique_ptr<BlockFormat>> NewGzipFormat(std::optional<int> level);

// zstd, a frame for each block (RFC 8878). Levels beyond 12 are taken for 12, and those below 1
// for 1.
std::unique_ptr<BlockFormat> NewZstdFormat(std::optional<int> level);

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_BLOCK_ENCODER_H_
