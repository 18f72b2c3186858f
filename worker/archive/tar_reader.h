#ifndef HOLKAS_WORKER_ARCHIVE_TAR_READER_H_
#define HOLKAS_WORKER_ARCHIVE_TAR_READER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/archive/tar_header.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// What a tar archive is read from, from front to back.
class TarInput {
 public:
  virtual ~TarInput() = default;

  // Reads as many bytes as `buffer` has; fewer only at the end.
  virtual absl::StatusOr<size_t> Read(absl::Span<char> buffer) = 0;

  // Passes over as many bytes. Result: how many there were; fewer only at the end.
  virtual absl::StatusOr<int64_t> Skip(int64_t count) = 0;
};

// Reads a tar archive of any of the usual forms (ustar, GNU, pax) member by member: a file's table
// (tar_table.h) is made so, and a stream that nobody can go back in. Not thread-safe.
//
// Errors everywhere, beside the input's: FAILED_PRECONDITION (INVALID_ARCHIVE) where it is
// malformed, truncated or ambiguous; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for more than 100,000
// headers or a name of more than 4 KiB.
class TarReader {
 public:
  // `input` outlives the reader.
  explicit TarReader(TarInput& input) : input_(input) {}

  // Passes over the rest of the member before and reads the header of the next one, to which what
  // was said of it before is applied; its type is kTarSparse for every file with holes. Nothing at
  // the archive's end.
  absl::StatusOr<std::optional<TarHeader>> Next();

  // Some bytes of the member's content; 0 at its end.
  absl::StatusOr<size_t> Read(absl::Span<char> buffer);

  // Where in the archive the next byte is.
  int64_t offset() const { return offset_; }

 private:
  // The next header with content; nothing at the end of the archive.
  absl::StatusOr<std::optional<TarHeader>> NextHeader();
  // Nothing at the end of the input.
  absl::StatusOr<std::optional<std::string>> NextBlock();
  absl::Status SkipSparseBlocks();
  // Reads what is said of the next member.
  absl::Status TakeExtension(const TarHeader& header);
  // Applies what was said to the member that it was said of.
  absl::Status ApplyExtensions(TarHeader& header);
  // Passes over what is left of a member, and its padding.
  absl::Status SkipContent();

  TarInput& input_;
  int64_t offset_ = 0;
  int headers_ = 0;
  // The member whose content is next, and what is left of it.
  std::string name_;
  int64_t content_bytes_ = 0;
  int64_t left_bytes_ = 0;
  std::map<std::string, std::string> records_;
  std::string long_name_;
  std::string long_link_;
};

// FAILED_PRECONDITION (INVALID_ARCHIVE).
absl::Status InvalidArchive(absl::string_view why);
// The same for what is no tar archive, with what was being done.
absl::Status MalformedArchive(absl::string_view why);
// The same for a limit: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::Status ArchiveLimitExceeded(absl::string_view what, int64_t limit);
// A member's name, escaped and cut, in quotes: for messages.
std::string ShownMemberName(absl::string_view name);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_TAR_READER_H_
