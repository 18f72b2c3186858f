#ifndef HOLKAS_WORKER_SQUASHFS_SQUASHFS_CONTENT_H_
#define HOLKAS_WORKER_SQUASHFS_SQUASHFS_CONTENT_H_

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/squashfs/squashfs_reader.h"

namespace holkas {

// What the files of a squashfs hold, one file after the other, each from its front to its end. A
// few blocks are in memory, however large a file is. Not thread-safe.
//
// Errors everywhere: as SquashfsReader.
class SquashfsContent {
 public:
  // `reader` outlives the content.
  explicit SquashfsContent(SquashfsReader& reader);

  // Begins with `file`, whatever is left of the one before.
  void Begin(const SquashfsNode& file);

  // The next bytes of it, a block at most; empty at its end. They stay as they are until the next
  // call.
  absl::StatusOr<absl::string_view> Next();

 private:
  // Several files have their ends in one fragment, and those of a directory in a few.
  static constexpr size_t kKeptFragments = 4;
  // Of the sizes that are read ahead.
  static constexpr size_t kMaxSizes = 1024;

  struct Fragment {
    uint32_t index = 0;
    std::vector<char> bytes;
  };

  // How many blocks the file has, without what is in a fragment.
  uint64_t CountBlocks() const;
  absl::Status ReadSizes();
  absl::StatusOr<absl::string_view> NextBlock();
  absl::StatusOr<absl::string_view> End();
  absl::StatusOr<const Fragment*> FindFragment(uint32_t index);
  // The block at `start` of the range, with its size as it is stored, in `buffer`. Result: how many
  // bytes it has.
  absl::StatusOr<size_t> ReadBlock(uint64_t start, uint32_t stored_size, absl::Span<char> buffer);

  SquashfsReader& reader_;
  const std::vector<char> zeros_;
  std::vector<char> stored_;
  std::vector<char> block_;
  // The one that was used last comes first.
  std::list<Fragment> fragments_;

  SquashfsNode file_;
  int64_t left_bytes_ = 0;
  uint64_t left_blocks_ = 0;
  uint64_t start_ = 0;
  std::vector<uint32_t> sizes_;
  size_t next_size_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_SQUASHFS_SQUASHFS_CONTENT_H_
