#ifndef HOLKAS_WORKER_CHUNKED_TABLE_OF_CONTENTS_H_
#define HOLKAS_WORKER_CHUNKED_TABLE_OF_CONTENTS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/chunked/zstd_text.h"
#include "worker/storage/tar_stream.h"

namespace holkas {

// A part of a file's content; the next one follows it.
struct ContentChunk {
  int64_t size_bytes = 0;
  // Where its frames begin in the blob.
  int64_t blob_offset = 0;
  bool is_zeros = false;
  // Of the chunk. Nothing where it is all of the file.
  std::optional<Digest> digest = std::nullopt;
};

// Where a file's content is in the blob.
struct BlobRange {
  int64_t begin = 0;
  int64_t end = 0;
  // Of the content.
  Digest digest;
};

// The table of contents of a layer in zstd:chunked: JSON that says of each entry of the tar what
// its header says, and where its content is (containers/storage, pkg/chunked).
//
//   {"version":1,"entries":[
//     {"type":"reg","name":"etc/hello","mode":420,"size":6,"modtime":"2020-09-13T12:26:40Z",
//      "digest":"sha256:5891...","offset":137,"endOffset":156},
//     {"type":"reg","name":"big",...,"chunkSize":70000,"chunkDigest":"sha256:..."},
//     {"type":"chunk","name":"big","offset":70200,"chunkSize":9000,"chunkOffset":70000,
//      "chunkDigest":"sha256:...","chunkType":"zeros"}],
//    "tarSplitDigest":"sha256:..."}
//
// A file of one chunk says nothing of it. Held compressed. Not thread-safe.
class TableOfContents {
 public:
  // A table never has more bytes of JSON: readers of containers/storage take no more.
  static constexpr int64_t kMaxBytes = 50 << 20;

  // Errors: those of ZstdText::New.
  static absl::StatusOr<std::unique_ptr<TableOfContents>> New();

  // Whether readers find in a table what the entry's header says. They do not where it is a sparse
  // file, has no UTF-8 name, is the second of its name, is of a time that JSON has no form for, or
  // where they differ about the header.
  bool CanHave(const TarEntry& entry) const;

  // A chunk of the entry that AddEntry adds next.
  // Errors of all: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::Status AddChunk(const ContentChunk& chunk);
  // An entry that CanHave; `content`: nothing where it has none.
  absl::Status AddEntry(const TarEntry& entry, const std::optional<BlobRange>& content);

  // All of it, compressed. `tar_split`: the digest of the layer's compressed tar-split. Once, last.
  absl::StatusOr<std::string> Finish(const Digest& tar_split);

  // Of the JSON.
  int64_t size_bytes() const { return text_->size_bytes(); }
  // Of what it is held in.
  int64_t held_bytes() const { return text_->held_bytes(); }

 private:
  explicit TableOfContents(std::unique_ptr<ZstdText> text) : text_(std::move(text)) {}

  // A chunk as it waits for its entry, which comes first and has what is known last. A file of many
  // gigabytes has hundreds of thousands.
  struct WaitingChunk {
    std::array<char, 32> sha256 = {};
    int64_t blob_offset = 0;
    int64_t size_bytes = 0;
    bool is_zeros = false;
  };

  absl::Status AddChunks(absl::string_view name);
  absl::Status Append(absl::string_view json);

  const std::unique_ptr<ZstdText> text_;
  bool has_entries_ = false;
  // Of names. Two of the same are seldom enough.
  std::unordered_set<size_t> name_hashes_;
  // Of the next entry.
  std::vector<WaitingChunk> chunks_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_CHUNKED_TABLE_OF_CONTENTS_H_
