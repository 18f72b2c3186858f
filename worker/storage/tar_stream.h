#ifndef HOLKAS_WORKER_STORAGE_TAR_STREAM_H_
#define HOLKAS_WORKER_STORAGE_TAR_STREAM_H_

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/storage/tar_block.h"

namespace holkas {

// One entry of a tar: what its header says, with what the extended headers before it say instead.
struct TarEntry {
  enum class Kind { kFile, kDirectory, kHardLink, kSymlink, kCharDevice, kBlockDevice, kFifo };

  Kind kind = Kind::kFile;
  std::string name;
  std::string link_name;
  // Of a file's content when it is unpacked. 0 for other kinds.
  int64_t size_bytes = 0;
  // Its content in the tar is not the file's: a list of its parts, and those without the holes.
  bool is_sparse = false;
  int64_t sparse_parts = 0;
  mode_t mode = 0;  // permissions alone
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t mtime_seconds = 0;
  int32_t mtime_nanoseconds = 0;
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  std::map<std::string, std::string> xattrs;
  TarHeaderFields header;
};

// Gets a tar's entries while it comes in. Every byte of the tar is given once, in order, either by
// OnRaw or, as content of an entry that is not sparse, by OnContent.
class TarHandler {
 public:
  virtual ~TarHandler() = default;

  // Headers, paddings, what follows the last entry, and the content of sparse entries.
  virtual absl::Status OnRaw(absl::string_view bytes) = 0;
  virtual absl::Status OnEntry(const TarEntry& entry) = 0;
  // What the entry's file has from `offset` on. Parts come in order; between them are zeros.
  virtual absl::Status OnContent(int64_t offset, absl::string_view bytes) = 0;
  // All of the entry was given.
  virtual absl::Status OnEntryEnd() = 0;
};

// Reads a tar that is pushed into it piece by piece: ustar, GNU and pax, with long names, extended
// attributes and sparse files. Nothing is held but the header being read. Not thread-safe.
class TarStream {
 public:
  // An extended header, or a sparse file's list, never has more bytes.
  static constexpr size_t kMaxHeaderBytes = 1 << 20;

  // `handler` outlives the stream.
  explicit TarStream(TarHandler& handler) : handler_(handler) {}

  // Errors: FAILED_PRECONDITION (INVALID_LAYER) for what is no tar; RESOURCE_EXHAUSTED
  // (LIMIT_EXCEEDED); those of the handler. After one the stream cannot be used further.
  absl::Status Append(absl::string_view data);

  // Ends the entry that has begun: its content, of which nothing was given, is known to the handler
  // already. `size_bytes` is all of it.
  absl::Status EndContent(int64_t size_bytes);

  // The tar ends here. Errors: as above, where it cannot.
  absl::Status Finish();

  // Whether there was an extended header for all entries that follow. It is passed over.
  bool has_global_header() const { return has_global_header_; }

 private:
  static constexpr size_t kBlockBytes = 512;
  struct Part {
    int64_t offset = 0;
    int64_t size_bytes = 0;
  };
  enum class State {
    kHeader,       // gathers a block
    kExtended,     // gathers an extended header's content
    kSparseBlock,  // gathers a block of an old GNU list of parts
    kSparseList,   // gathers blocks of a pax list of parts, which is before the content
    kContent,      // passes an entry's content on
    kPadding,      // what fills the last block of a content
    kTrailer,      // behind the blocks of zeros
  };

  // Takes bytes of `data` up to a whole block; true when gathered_ is one.
  bool GatherBlock(absl::string_view& data);
  absl::Status TakeHeader();
  absl::Status BeginExtended(char type, int64_t size_bytes);
  absl::Status TakeExtended();
  absl::Status TakePax(absl::string_view records);
  absl::Status TakePaxRecord(absl::string_view key, absl::string_view value);
  absl::Status BeginEntry(absl::string_view block, char type, int64_t size_bytes);
  absl::Status ReadOldSparse(absl::string_view block);
  absl::Status TakeSparseBlock();
  absl::Status AddOldParts(absl::string_view table, size_t count);
  absl::Status TakeSparseList();
  absl::Status ReadPaxParts();
  absl::Status AddPart(int64_t offset, int64_t size_bytes);
  absl::Status StartContent();
  absl::Status PassContent(absl::string_view bytes);
  absl::Status EndEntry();

  TarHandler& handler_;
  State state_ = State::kHeader;
  std::string gathered_;
  size_t lines_ = 0;  // of a pax list of parts, as far as it is gathered
  int zero_blocks_ = 0;

  // The extended header that is read.
  char extended_type_ = 0;
  bool has_global_header_ = false;
  // What extended headers said of the next entry.
  std::string long_name_;
  std::string long_link_;
  std::map<std::string, std::string> pax_;
  std::vector<int64_t> pax_parts_;  // offset, size, offset, size...

  TarEntry entry_;
  int64_t left_bytes_ = 0;     // of the content as it is in the tar
  int64_t padding_bytes_ = 0;  // behind it
  int64_t offset_ = 0;         // in the file
  std::deque<Part> parts_;     // of a sparse file, not passed on yet
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_TAR_STREAM_H_
