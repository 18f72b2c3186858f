#ifndef HOLKAS_WORKER_ARCHIVE_TAR_TABLE_H_
#define HOLKAS_WORKER_ARCHIVE_TAR_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/archive/random_file.h"
#include "worker/archive/tar_header.h"
#include "worker/archive/tar_reader.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// Where the content of a file in an archive is.
struct TarMember {
  int64_t offset = 0;
  int64_t size_bytes = 0;
};

// What is where in a tar archive of any of the usual forms (ustar, GNU, pax). An archive is never
// unpacked: its headers are read once, and the names in them are keys of this table and nothing
// else, whatever they look like. A member that somebody else would read differently (a second one
// of its name, one with two sizes) is not given out.
class TarTable {
 public:
  // Reads all headers of `file`.
  // Errors: FAILED_PRECONDITION (INVALID_ARCHIVE) where it is malformed, truncated or ambiguous;
  // RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for more than 100,000 headers, a name of more than 4 KiB, a
  // table of more than 32 MiB.
  static absl::StatusOr<TarTable> Read(const RandomFile& file);

  // The file that has the name, or to which the link of that name leads: one link, no further.
  // `./a//b` is `a/b`.
  // Errors: NOT_FOUND; FAILED_PRECONDITION (INVALID_ARCHIVE) for what is no regular file, has holes
  // or is there twice.
  absl::StatusOr<TarMember> Find(absl::string_view name) const;

  // Adds a member, whose content begins at `offset`: what Read does for each. For who reads an
  // archive that is no file. Errors: as Read.
  absl::Status Add(const TarHeader& header, int64_t offset);

  size_t size() const { return members_.size(); }

 private:
  struct Entry {
    char type = kTarFile;
    TarMember content;
    // The clean name that a link stands for.
    std::string target;
    bool twice = false;
  };

  std::map<std::string, Entry, std::less<>> members_;
  size_t table_bytes_ = 0;
};

// The content of a small member.
// Errors: those of TarTable::Find and of reading; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for more than
// `max_bytes`.
absl::StatusOr<std::string> ReadMember(const RandomFile& file, const TarTable& table,
                                       absl::string_view name, int64_t max_bytes);

// A name without what does not matter: `./`, doubled slashes, `x/..`; `.` for an empty one.
std::string CleanMemberName(absl::string_view name);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_TAR_TABLE_H_
