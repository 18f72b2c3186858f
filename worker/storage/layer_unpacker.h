#ifndef HOLKAS_WORKER_STORAGE_LAYER_UNPACKER_H_
#define HOLKAS_WORKER_STORAGE_LAYER_UNPACKER_H_

#include <sys/stat.h>
#include <time.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"
#include "worker/storage/crc64.h"
#include "worker/storage/directory.h"
#include "worker/storage/layer_budget.h"
#include "worker/storage/layer_rights.h"
#include "worker/storage/tar_split.h"
#include "worker/storage/tar_stream.h"

namespace holkas {

// How a store keeps what a layer deletes.
enum class WhiteoutForm {
  // The layer's directory has what is left: whiteouts are applied while unpacking. vfs.
  kApplied,
  // Of overlay: a deleted name is a character device 0/0, and a directory that hides what is below
  // has the mark `trusted.overlay.opaque`, which LayerRights::mark_opaque sets.
  kOverlay,
  // The same, with the mark `user.overlay.opaque`. Of overlay that a plain user mounts.
  kOverlayUser,
  // Files `.wh.NAME` and `.wh..wh..opq`, as in the layer. Of overlay with a mount program.
  kFiles,
};

// How many simple entries take as long as this one, its name apart.
int64_t EntriesOf(const TarEntry& entry);

// Makes files of a layer's tar, and with them the tar-split that makes the tar of the files again.
// Whatever names and links the tar has, nothing outside the directory is touched: paths are
// resolved as in a root of their own. Owner, permissions, times and extended attributes are the
// tar's. A character device 0/0 is one like others, though overlay takes it for a whiteout. Devices
// that nobody there has the right to make are left out, as are extended attributes that the process
// has no right to or the file system does not have, those of links and devices, and those that
// overlay itself gives a meaning to.
class LayerUnpacker : public TarHandler {
 public:
  // So many bytes the paths that must be remembered may have together.
  static constexpr size_t kMaxRememberedBytes = 64 << 20;
  // So many users, and groups, a layer's record may have: a hostile layer could make the list of
  // all layers too long to be read.
  static constexpr size_t kMaxIds = 256;

  // What takes as long as an entry: so many names of paths, of which a few are the rule, or so many
  // that are looked up one by one, on a way through links and below an opaque directory.
  static constexpr int64_t kNamesOfEntry = 128;
  static constexpr int64_t kSingleNamesOfEntry = 8;

  // `tar_split` outlives the unpacker.
  LayerUnpacker(Directory root, WhiteoutForm whiteouts, LayerRights rights,
                TarSplitWriter& tar_split);

  // What is unpacked is taken from `budget`, which outlives the unpacker: before the first entry.
  // Otherwise its headers are not bounded.
  void TakeFrom(LayerBudget& budget) { budget_ = &budget; }

  absl::Status OnRaw(absl::string_view bytes) override;
  absl::Status OnEntry(const TarEntry& entry) override;
  absl::Status OnContent(int64_t offset, absl::string_view bytes) override;
  absl::Status OnEntryEnd() override;

  // Makes a file of `from` the file of the entry that has begun, none of whose content was given:
  // all of it is there, with this checksum. False where the entry is unpacked to no file.
  absl::StatusOr<bool> MoveContent(const Directory& from, const std::string& name,
                                   const Crc64& crc64);

  // Sets the times of the directories, which change until all is there. Once, after the last entry.
  absl::Status Finish();

  // All users and groups of the tar, in order; where they are more than kMaxIds, some.
  const std::set<uint32_t>& uids() const { return uids_; }
  const std::set<uint32_t>& gids() const { return gids_; }

 private:
  absl::Status Unpack();
  absl::Status UnpackWhiteout(const std::string& parent, absl::string_view base);
  absl::Status MakeWhiteout(const std::string& parent, const std::string& name);
  absl::Status MarkOpaque(const std::string& directory);
  absl::Status RemoveBelow(const std::string& directory);

  absl::Status UnpackFile(int parent, const std::string& base);
  absl::Status UnpackDirectory(int parent, const std::string& base);
  absl::Status UnpackHardLink(int parent, const std::string& base);
  absl::Status UpdateLinked(int parent, const std::string& base);
  absl::Status UnpackSymlink(int parent, const std::string& base);
  absl::Status UnpackFifo(int parent, const std::string& base);
  absl::Status UnpackDevice(int parent, const std::string& base, mode_t type);
  absl::Status DescribeNode(int parent, const std::string& base);
  // Calls `make`, which returns a system call's result; where something is there already, removes
  // that and calls it again.
  absl::Status Replace(int parent, const std::string& base, absl::string_view verb,
                       const std::function<int()>& make);

  // A descriptor, or -1 and errno.
  int OpenDirectory(int root, absl::string_view path);
  // The directory of a cleaned path; makes what is missing. -1 where there is something else.
  absl::StatusOr<int> OpenParent(const std::string& path);
  absl::StatusOr<UniqueFd> MakeParents(const std::string& path);
  absl::StatusOr<UniqueFd> MakeImplied(int above, const std::string& base);
  // Counts bytes that are no file's content.
  absl::Status Describe(size_t bytes);
  // Counts what is made, of an entry or without one, and takes as long as `entries` of them.
  absl::Status CountEntry(absl::string_view path, int64_t entries = 1);
  void CountNames(absl::string_view path);

  absl::Status SetOwnerAndMode(int fd);
  absl::Status SetXattrs(int fd) const;
  absl::Status SetTimes(int fd) const;
  absl::Status SetTimesByName(int parent, const std::string& base) const;
  absl::Status SetOwnerByName(int parent, const std::string& base) const;

  absl::Status RememberMade(absl::string_view path);
  absl::Status Remember(size_t bytes);
  absl::Status OwnerError(int error_number) const;
  absl::Status EntryError(int error_number, absl::string_view verb) const;

  const Directory root_;
  const WhiteoutForm whiteouts_;
  const LayerRights rights_;
  TarSplitWriter& tar_split_;

  TarEntry entry_;
  std::string path_;  // of the entry, cleaned
  UniqueFd file_;     // of the entry, where it is a file that is unpacked
  Crc64 crc64_;

  // The directory of the entry before, which is the next one's too most of the time.
  std::string parent_path_;
  UniqueFd parent_;

  struct DirectoryTimes {
    std::string path;
    timespec mtime;
  };
  std::vector<DirectoryTimes> directories_;
  // With kApplied, what this layer made: an opaque directory does not hide that.
  std::unordered_set<std::string> made_;
  size_t remembered_bytes_ = 0;
  LayerBudget* budget_ = nullptr;
  int64_t names_ = 0;  // that are counted, and less than an entry
  std::set<uint32_t> uids_;
  std::set<uint32_t> gids_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_LAYER_UNPACKER_H_
