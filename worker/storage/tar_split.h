#ifndef HOLKAS_WORKER_STORAGE_TAR_SPLIT_H_
#define HOLKAS_WORKER_STORAGE_TAR_SPLIT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// tar-split: what makes of a layer's unpacked files the tar again that they came from, byte for
// byte. A list of entries, one JSON object a line, gzip'ed:
//
//   {"type":2,"payload":"Li9ldGMv...","position":0}     bytes of the tar as they are, in base64
//   {"type":1,"name":"./etc/hello","size":6,"payload":"YUw+7uLYEAA=","position":1}
//                                                       a file's content, with its CRC-64
//
// A name that is not UTF-8 is in base64 under "name_raw". An empty file has neither size nor CRC.
struct TarSplitEntry {
  enum class Kind { kSegment, kFile };

  Kind kind = Kind::kSegment;
  // Of a segment: bytes of the tar.
  std::string bytes;
  // Of a file: its name as the tar has it, its size, and eight bytes of CRC-64 (of an empty file
  // none).
  std::string name;
  int64_t size_bytes = 0;
  std::string crc64;

  // Errors: FAILED_PRECONDITION for a line that is no entry.
  static absl::StatusOr<TarSplitEntry> Parse(absl::string_view line);
};

// Lines of the list, each with its end: bytes of the tar, and a file. `position`: how many lines
// are before it.
std::string TarSplitSegmentLine(absl::string_view bytes, int64_t position);
std::string TarSplitFileLine(absl::string_view name, int64_t size_bytes, absl::string_view crc64,
                             int64_t position);

// Reads entries from `json`, the list when it is decompressed.
class TarSplitReader {
 public:
  // A line has at most so many bytes; older writers put everything behind the last file into one.
  static constexpr size_t kMaxLineBytes = 16 << 20;

  explicit TarSplitReader(std::unique_ptr<ByteSource> json);

  // The next entry; nothing at the end.
  // Errors: those of the source and of Parse; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for too long a
  // line.
  absl::StatusOr<std::optional<TarSplitEntry>> Next();

 private:
  absl::StatusOr<bool> ReadLine();

  const std::unique_ptr<ByteSource> json_;
  std::vector<char> buffer_;
  absl::string_view rest_;  // of buffer_, not read yet
  std::string line_;
};

// Writes entries to a file.
class TarSplitWriter {
 public:
  // Takes over `file`, which is empty.
  explicit TarSplitWriter(UniqueFd file);
  TarSplitWriter(const TarSplitWriter&) = delete;
  ~TarSplitWriter();

  // Bytes of the tar that are no file's content. They are gathered: few calls with many bytes and
  // many calls with few give the same.
  absl::Status AddSegment(absl::string_view bytes);
  absl::Status AddFile(absl::string_view name, int64_t size_bytes, absl::string_view crc64);

  // Completes the file and makes it durable. Once, last.
  absl::Status Finish();

 private:
  struct Deflater;

  absl::Status FlushSegment();
  absl::Status AddLine(absl::string_view line);
  absl::Status Deflate(bool at_end);

  const UniqueFd file_;
  const std::unique_ptr<Deflater> deflater_;
  std::string segment_;
  std::string lines_;
  int64_t position_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_TAR_SPLIT_H_
