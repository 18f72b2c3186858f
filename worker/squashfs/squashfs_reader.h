#ifndef HOLKAS_WORKER_SQUASHFS_SQUASHFS_READER_H_
#define HOLKAS_WORKER_SQUASHFS_SQUASHFS_READER_H_

#include <sqfs/block.h>
#include <sqfs/frag_table.h>
#include <sqfs/id_table.h>
#include <sqfs/meta_reader.h>
#include <sqfs/super.h>
#include <sqfs/xattr.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/archive/random_file.h"
#include "worker/squashfs/squashfs_input.h"

namespace holkas {

// What a file system of the form squashfs 4.0 has an inode for.
struct SquashfsNode {
  enum class Kind { kFile, kDirectory, kSymlink, kCharDevice, kBlockDevice, kFifo, kSocket };
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

  Kind kind = Kind::kFile;
  uint32_t mode = 0;  // permissions alone
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t mtime_seconds = 0;
  uint32_t inode_number = 0;
  uint32_t link_count = 1;
  // Which set of extended attributes; kNone for none.
  uint32_t xattr_set = kNone;
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  // A symbolic link's target.
  std::string link;

  // Of a file's content, or of a directory's list.
  int64_t size_bytes = 0;
  // Where the list begins, or the list of the sizes of a file's blocks: a block of metadata, and a
  // place in what comes out of it.
  uint64_t list_block = 0;
  uint32_t list_offset = 0;
  // Where a file's first block is. Its end may be in a fragment; kNone for none.
  uint64_t data_start = 0;
  uint32_t fragment = kNone;
  uint32_t fragment_offset = 0;
};

// A name in a directory.
struct SquashfsEntry {
  std::string name;
  // Of the inode: for ReadNode.
  uint64_t reference = 0;
};

// Reads what a squashfs 4.0 says of its files, by libsquashfs, which decodes blocks and tables.
// Inodes, lists and extended attributes are taken apart here, so that nothing is reserved for a
// number that a stranger wrote. What a file holds is SquashfsContent's. Not thread-safe.
//
// Errors everywhere: FAILED_PRECONDITION (INVALID_ARCHIVE); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED);
// those of reading.
class SquashfsReader {
 public:
  static constexpr int64_t kMaxTargetBytes = 4096;
  // A fragment has the ends of several files: so many are 64 GiB in blocks of 64 KiB.
  static constexpr uint32_t kMaxFragments = 1 << 20;
  static constexpr uint32_t kMaxXattrSets = 1 << 20;
  // Of the extended attributes of one file.
  static constexpr size_t kMaxXattrBytes = 512 << 10;
  static constexpr size_t kMaxXattrs = 1000;
  // Of one directory's list.
  static constexpr int64_t kMaxListBytes = 16 << 20;

  // The file system in a range of `file`, which outlives the reader.
  // Errors: INVALID_ARCHIVE with the message kNoSquashfs where there is none; UNIMPLEMENTED
  // (OPTION_UNIMPLEMENTED) for a compression that is not known.
  static absl::StatusOr<std::unique_ptr<SquashfsReader>> Open(const RandomFile& file,
                                                              int64_t offset, int64_t size_bytes);

  absl::StatusOr<SquashfsNode> ReadRoot() { return ReadNode(super_.root_inode_ref); }
  absl::StatusOr<SquashfsNode> ReadNode(uint64_t reference);
  // The names in `directory`, each once, in order.
  absl::StatusOr<std::vector<SquashfsEntry>> ReadDirectory(const SquashfsNode& directory);
  // Values by name, `user.x`.
  absl::StatusOr<std::map<std::string, std::string>> ReadXattrs(const SquashfsNode& node);

  // The sizes of a file's blocks as they are stored, `sizes.size()` of them, from where `node` has
  // them; it is changed to have the next ones.
  absl::Status ReadBlockSizes(SquashfsNode& node, absl::Span<uint32_t> sizes);
  // Where the fragment is, and its size as it is stored.
  absl::StatusOr<sqfs_fragment_t> FindFragment(uint32_t index) const;

  uint32_t block_bytes() const { return super_.block_size; }
  // The most that may come out of it, decoded and put together.
  int64_t max_bytes() const { return decoder_->max_bytes(); }
  SquashfsRange& range() { return *range_; }
  SquashfsDecoder& decoder() { return *decoder_; }

 private:
  struct Position {
    sqfs_u64 block = 0;
    size_t offset = 0;
  };

  SquashfsReader() = default;
  absl::Status OpenTables();
  absl::Status OpenXattrs();
  // What libsquashfs's error of reading `what` means; OK for 0.
  absl::Status Check(int error, absl::string_view what) const;
  absl::StatusOr<SqfsPointer<sqfs_meta_reader_t>> OpenMetadata(uint64_t start, uint64_t end);
  absl::Status Seek(sqfs_meta_reader_t& metadata, const Position& position, absl::string_view what);
  absl::Status ReadBytes(sqfs_meta_reader_t& metadata, absl::Span<char> bytes,
                         absl::string_view what);
  // A struct of the format.
  template <typename T>
  absl::StatusOr<T> ReadStruct(sqfs_meta_reader_t& metadata, absl::string_view what);

  absl::Status ReadFile(bool is_extended, SquashfsNode& node);
  absl::Status ReadDirectoryNode(bool is_extended, SquashfsNode& node);
  absl::Status ReadSymlink(bool is_extended, SquashfsNode& node);
  absl::Status ReadDevice(bool is_extended, SquashfsNode& node);
  absl::Status ReadPipe(bool is_extended, SquashfsNode& node);
  absl::StatusOr<std::string> ReadXattrName(uint16_t type, size_t size);
  // `left_bytes` is what values may have altogether.
  absl::StatusOr<std::string> ReadXattrValue(bool is_elsewhere, bool is_last, size_t left_bytes);

  std::unique_ptr<SquashfsRange> range_;
  std::unique_ptr<SquashfsDecoder> decoder_;
  sqfs_super_t super_ = {};
  SqfsPointer<sqfs_id_table_t> ids_;
  SqfsPointer<sqfs_frag_table_t> fragments_;
  SqfsPointer<sqfs_meta_reader_t> inodes_;
  SqfsPointer<sqfs_meta_reader_t> directories_;
  // Both empty where no file has extended attributes.
  std::vector<sqfs_xattr_id_t> xattr_sets_;
  uint64_t xattrs_start_ = 0;
  SqfsPointer<sqfs_meta_reader_t> xattrs_;
};

// How the error begins where a range is no squashfs at all.
inline constexpr absl::string_view kNoSquashfs = "malformed squashfs: there is no superblock";

}  // namespace holkas

#endif  // HOLKAS_WORKER_SQUASHFS_SQUASHFS_READER_H_
