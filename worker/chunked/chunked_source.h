#ifndef HOLKAS_WORKER_CHUNKED_CHUNKED_SOURCE_H_
#define HOLKAS_WORKER_CHUNKED_CHUNKED_SOURCE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/digester.h"
#include "worker/blob/block_encoder.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/compressing_source.h"
#include "worker/blob/made_source.h"
#include "worker/chunked/chunk_cutter.h"
#include "worker/chunked/table_of_contents.h"
#include "worker/chunked/zstd_text.h"
#include "worker/storage/crc64.h"
#include "worker/storage/tar_stream.h"

namespace holkas {

// Compresses the tar of a layer into zstd:chunked, for copies: zstd for any reader, of which
// readers of containers/storage fetch single files. Every chunk of every file has frames of its
// own; behind them three skippable frames hold, compressed, the layer's table of contents and its
// tar-split, and where both are:
//
//   frames of the tar ... | table of contents | tar-split | footer of 64 bytes
//
//   footer, 64-bit numbers, little-endian: offset, size and plain size of the table, its type (1);
//   offset, size and plain size of the tar-split; "GNUlInUx"
//
// A layer that no table can describe (TableOfContents::CanHave; a global pax header) becomes the
// frames alone, which are ordinary zstd. Nothing of the layer is held but a block of zstd's format,
// and of table and tar-split what their limits say. Not thread-safe.
class ChunkedSource : public MadeSource, private TarHandler, private ChunkHandler {
 public:
  // Compressed, table and tar-split of one layer never have more bytes: they are held until its
  // end.
  static constexpr int64_t kMaxHeldBytes = 32 << 20;
  // Between the contents of two files, and behind the last, a tar never has more bytes: readers
  // look for a header in one entry of the tar-split.
  static constexpr size_t kMaxSegmentBytes = 4 << 20;

  // `compressor` is one of zstd. `annotations` get what the layer's descriptor says of it before
  // Read tells the end; nothing for one without a table of contents. Both outlive the source.
  // Errors: RESOURCE_EXHAUSTED where there is no memory. Of reading: those of the tar's source;
  // FAILED_PRECONDITION (INVALID_LAYER) for what is no tar; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  static absl::StatusOr<std::unique_ptr<ChunkedSource>> New(
      std::unique_ptr<ByteSource> tar, Compressor& compressor,
      std::map<std::string, std::string>& annotations);
  ~ChunkedSource() override;

 private:
  ChunkedSource(std::unique_ptr<ByteSource> tar, Compressor& compressor,
                std::map<std::string, std::string>& annotations,
                std::unique_ptr<BlockEncoder> encoder, std::unique_ptr<TableOfContents> contents,
                std::unique_ptr<ZstdText> tar_split);

  absl::Status OnRaw(absl::string_view bytes) override;
  absl::Status OnEntry(const TarEntry& entry) override;
  absl::Status OnContent(int64_t offset, absl::string_view bytes) override;
  absl::Status OnEntryEnd() override;
  absl::Status OnChunkBytes(absl::string_view bytes) override;
  absl::Status OnChunkEnd(bool is_zeros) override;

  absl::Status Advance() override;
  absl::Status Finish();
  absl::Status AddContents();
  void AddSkippable(absl::string_view content);
  // From here on there is no table of contents.
  void GiveUpContents();
  // Adds to the frame. One that is full is ended.
  absl::Status AddToFrame(absl::string_view bytes);
  // Ends the frame, if there is anything in it.
  absl::Status EndFrame();
  absl::Status Encode();
  absl::Status AddSegment();
  absl::Status CheckHeld() const;

  // Where the source wrote to last: until it is read again, or is gone, it may look at that.
  const std::unique_ptr<char[]> buffer_;
  const std::unique_ptr<ByteSource> tar_;
  Compressor& compressor_;
  std::map<std::string, std::string>& annotations_;
  std::unique_ptr<BlockEncoder> encoder_;
  TarStream stream_;
  ChunkCutter cutter_;

  // Null where there is to be none.
  std::unique_ptr<TableOfContents> contents_;
  std::unique_ptr<ZstdText> tar_split_;
  int64_t tar_split_lines_ = 0;
  std::string segment_;

  // What will be the next frame, and how many bytes the frames before it have.
  std::string block_;
  int64_t blob_bytes_ = 0;

  // The entry that is read, and its content.
  TarEntry entry_;
  int64_t content_offset_ = 0;
  Crc64 crc64_;
  std::optional<Digester> digester_;
  ContentChunk chunk_;
  // Of a chunk with more than one frame.
  std::optional<Digester> chunk_digester_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_CHUNKED_CHUNKED_SOURCE_H_
