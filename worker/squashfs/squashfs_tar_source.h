#ifndef HOLKAS_WORKER_SQUASHFS_SQUASHFS_TAR_SOURCE_H_
#define HOLKAS_WORKER_SQUASHFS_SQUASHFS_TAR_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/archive/random_file.h"
#include "worker/archive/tar_header.h"
#include "worker/blob/byte_source.h"
#include "worker/squashfs/squashfs_content.h"
#include "worker/squashfs/squashfs_reader.h"

namespace holkas {

// A file system of the form squashfs as a tar archive, made while it is read: nothing is unpacked,
// and memory is bounded. Names are in the order of the file system, beginning with `./`; sockets,
// which a tar has not, are left out. The same file system gives the same bytes.
class SquashfsTarSource : public ByteSource {
 public:
  static constexpr int64_t kMaxNodes = 5'000'000;
  static constexpr size_t kMaxPathBytes = 4096;
  // Lists of the directories on the way down to a file, and names of files with several.
  static constexpr size_t kMaxPendingBytes = 32 << 20;
  static constexpr size_t kMaxLinkNameBytes = 64 << 20;

  // A file that the archive has beside those of the file system: `directory` is one of the root,
  // made where it is not there. A file of that name that is there already stays.
  struct Addition {
    std::string directory;
    std::string name;
    std::string content;
    uint32_t mtime_seconds = 0;
  };

  // The file system in a range of `file`, which outlives the source.
  // Errors: as SquashfsReader::Open.
  static absl::StatusOr<std::unique_ptr<SquashfsTarSource>> Open(const RandomFile& file,
                                                                 int64_t offset, int64_t size_bytes,
                                                                 std::optional<Addition> addition);

  // Errors: FAILED_PRECONDITION (INVALID_ARCHIVE), where a directory is in itself, too, and where
  // the addition's directory is something else; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED); those of
  // reading.
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;
  absl::StatusOr<absl::string_view> ReadPiece(absl::Span<char> buffer) override;

 private:
  // A directory whose names are on their way.
  struct Level {
    std::string path;  // with a slash behind it
    std::vector<SquashfsEntry> entries;
    size_t next = 0;
    size_t bytes = 0;
  };

  SquashfsTarSource(std::unique_ptr<SquashfsReader> reader, std::optional<Addition> addition);

  // The next bytes of the archive; empty at its end.
  absl::StatusOr<absl::string_view> NextPiece();
  // Goes on to what follows the member before. Whether there is anything.
  absl::StatusOr<bool> Advance();
  absl::Status AddNode(const std::string& path, const SquashfsNode& node);
  absl::Status EnterDirectory(const std::string& path, const SquashfsNode& node);
  // Whether the node is one more name of a file that came before.
  absl::StatusOr<std::optional<std::string>> FindEarlierName(const std::string& path,
                                                             const SquashfsNode& node);
  // Adds to what is next, where it belongs into the directory that was just begun.
  void AddAddition(const Level& level);

  const std::unique_ptr<SquashfsReader> reader_;
  SquashfsContent content_;
  std::optional<Addition> addition_;

  bool is_begun_ = false;
  bool is_ended_ = false;
  // Headers, before a file's content.
  std::string pending_;
  bool has_content_ = false;
  int64_t padding_bytes_ = 0;
  // What was handed out of content_ or pending_, and not yet taken by Read.
  std::string piece_;
  absl::string_view rest_;

  std::vector<Level> levels_;
  size_t pending_bytes_ = 0;
  int64_t nodes_ = 0;
  int64_t out_bytes_ = 0;
  // Directories by their numbers: one that comes again is in itself, or in two.
  absl::flat_hash_set<uint64_t> directories_;
  // The first names of files with several.
  absl::flat_hash_map<uint32_t, std::string> names_;
  size_t name_bytes_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_SQUASHFS_SQUASHFS_TAR_SOURCE_H_
