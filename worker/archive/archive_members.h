#ifndef HOLKAS_WORKER_ARCHIVE_ARCHIVE_MEMBERS_H_
#define HOLKAS_WORKER_ARCHIVE_ARCHIVE_MEMBERS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/archive/tar_table.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/compression.h"

namespace holkas {

// The files in a tar archive, wherever it is: in a file (archive.h), or in a stream that is asked
// for again (streamed_archive.h). Thread-safe.
class ArchiveMembers {
 public:
  virtual ~ArchiveMembers() = default;

  // What is in a member.
  struct Content {
    Compression compression = Compression::kNone;
    // Without the compression.
    int64_t size_bytes = 0;
  };

  // The content of a small member. Errors: as ReadMember (tar_table.h).
  virtual absl::StatusOr<std::string> Read(absl::string_view name, int64_t max_bytes) const = 0;

  // Where the content of a member is. Errors: as TarTable::Find.
  virtual absl::StatusOr<TarMember> Find(absl::string_view name) const = 0;

  // What is in a member that Find gave. Errors: those of reading, and of DecompressingSource.
  virtual absl::StatusOr<Content> Examine(const TarMember& member) const = 0;

  // The bytes of a member that Find gave, as they are in the archive, which outlives them.
  virtual absl::StatusOr<std::unique_ptr<ByteSource>> OpenMember(const TarMember& member) = 0;

  // As how many bytes all of it came, be it compressed. Nothing where nobody knows.
  virtual std::optional<int64_t> came_as_bytes() const { return std::nullopt; }

  // Whether members are best read one at a time, in the order of their offsets.
  virtual bool is_stream() const { return false; }
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_ARCHIVE_MEMBERS_H_
