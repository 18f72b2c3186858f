#include "worker/chunked/chunked_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/chunked_annotations.h"
#include "worker/storage/tar_split.h"

namespace holkas {
namespace {

constexpr size_t kReadBytes = 64 << 10;
// RFC 8878, 3.1.2: any reader passes over the frame.
constexpr uint32_t kSkippableMagic = 0x184d2a50;
constexpr size_t kSkippableHeaderBytes = 8;
constexpr absl::string_view kFooterMagic = "GNUlInUx";
constexpr uint64_t kContentsType = 1;

template <typename Number>
void AddLittleEndian(std::string& bytes, Number number) {
  for (size_t i = 0; i < sizeof number; ++i) {
    bytes.push_back(static_cast<char>(number >> (8 * i)));
  }
}

void AddPlace(std::string& bytes, const HeldFrame& frame) {
  for (const int64_t number : {frame.offset, frame.size_bytes, frame.plain_size_bytes}) {
    AddLittleEndian(bytes, static_cast<uint64_t>(number));
  }
}

std::string Footer(const HeldFrame& contents, const HeldFrame& tar_split) {
  std::string footer;
  AddPlace(footer, contents);
  AddLittleEndian(footer, kContentsType);
  AddPlace(footer, tar_split);
  return absl::StrCat(footer, kFooterMagic);
}

absl::Status LimitExceeded(absl::string_view what) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED", what);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChunkedSource>> ChunkedSource::New(
    std::unique_ptr<ByteSource> tar, Compressor& compressor,
    std::map<std::string, std::string>& annotations) {
  ASSIGN_OR_RETURN(std::unique_ptr<TableOfContents> contents, TableOfContents::New());
  ASSIGN_OR_RETURN(std::unique_ptr<ZstdText> tar_split, ZstdText::New());
  ASSIGN_OR_RETURN(std::unique_ptr<BlockEncoder> encoder, compressor.TakeEncoder());
  return std::unique_ptr<ChunkedSource>(new ChunkedSource(std::move(tar), compressor, annotations,
                                                          std::move(encoder), std::move(contents),
                                                          std::move(tar_split)));
}

ChunkedSource::ChunkedSource(std::unique_ptr<ByteSource> tar, Compressor& compressor,
                             std::map<std::string, std::string>& annotations,
                             std::unique_ptr<BlockEncoder> encoder,
                             std::unique_ptr<TableOfContents> contents,
                             std::unique_ptr<ZstdText> tar_split)
    : buffer_(std::make_unique_for_overwrite<char[]>(kReadBytes)),
      tar_(std::move(tar)),
      compressor_(compressor),
      annotations_(annotations),
      encoder_(std::move(encoder)),
      stream_(*this),
      cutter_(*this),
      contents_(std::move(contents)),
      tar_split_(std::move(tar_split)) {}

ChunkedSource::~ChunkedSource() { compressor_.KeepEncoder(std::move(encoder_)); }

absl::Status ChunkedSource::Advance() {
  ASSIGN_OR_RETURN(const size_t count, tar_->Read({buffer_.get(), kReadBytes}));
  return count == 0 ? Finish() : stream_.Append({buffer_.get(), count});
}

absl::Status ChunkedSource::Finish() {
  RETURN_IF_ERROR(stream_.Finish());
  End();
  // zstd has no stream without frames.
  RETURN_IF_ERROR(blob_bytes_ == 0 ? Encode() : EndFrame());
  if (stream_.has_global_header()) {
    GiveUpContents();
  }
  return contents_ == nullptr ? absl::OkStatus() : AddContents();
}

absl::Status ChunkedSource::AddContents() {
  RETURN_IF_ERROR(AddSegment());
  HeldFrame split = {.plain_size_bytes = tar_split_->size_bytes()};
  ASSIGN_OR_RETURN(const std::string split_bytes, tar_split_->Finish());
  split.size_bytes = static_cast<int64_t>(split_bytes.size());
  ASSIGN_OR_RETURN(const std::string bytes, contents_->Finish(Digest::Sha256Of(split_bytes)));
  const HeldFrame contents = {blob_bytes_ + static_cast<int64_t>(kSkippableHeaderBytes),
                              static_cast<int64_t>(bytes.size()), contents_->size_bytes()};
  split.offset =
      contents.offset + contents.size_bytes + static_cast<int64_t>(kSkippableHeaderBytes);
  AddSkippable(bytes);
  AddSkippable(split_bytes);
  AddSkippable(Footer(contents, split));
  annotations_ = ChunkedAnnotations(contents, Digest::Sha256Of(bytes), split);
  return absl::OkStatus();
}

void ChunkedSource::AddSkippable(absl::string_view content) {
  AddLittleEndian(ready(), kSkippableMagic);
  AddLittleEndian(ready(), static_cast<uint32_t>(content.size()));
  ready().append(content.data(), content.size());
}

void ChunkedSource::GiveUpContents() {
  contents_ = nullptr;
  tar_split_ = nullptr;
  segment_ = {};
}

absl::Status ChunkedSource::OnRaw(absl::string_view bytes) {
  if (contents_ != nullptr) {
    segment_.append(bytes.data(), bytes.size());
    if (segment_.size() > kMaxSegmentBytes) {
      return LimitExceeded(absl::StrCat("a tar has more than ", kMaxSegmentBytes,
                                        " bytes between two files or behind the last"));
    }
  }
  return AddToFrame(bytes);
}

absl::Status ChunkedSource::OnEntry(const TarEntry& entry) {
  entry_ = entry;
  if (contents_ != nullptr && (stream_.has_global_header() || !contents_->CanHave(entry))) {
    GiveUpContents();
  }
  if (contents_ == nullptr || entry_.size_bytes == 0) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(EndFrame());
  content_offset_ = blob_bytes_;
  crc64_.Reset();
  digester_.emplace();
  chunk_ = {.blob_offset = blob_bytes_};
  return absl::OkStatus();
}

absl::Status ChunkedSource::OnContent(int64_t /*offset*/, absl::string_view bytes) {
  if (entry_.is_sparse) {
    return absl::OkStatus();  // OnRaw got it
  }
  if (contents_ == nullptr) {
    return AddToFrame(bytes);
  }
  crc64_.Update(bytes);
  digester_->Update(bytes);
  return cutter_.Append(bytes);
}

absl::Status ChunkedSource::OnChunkBytes(absl::string_view bytes) {
  chunk_.size_bytes += static_cast<int64_t>(bytes.size());
  return AddToFrame(bytes);
}

absl::Status ChunkedSource::OnChunkEnd(bool is_zeros) {
  chunk_.is_zeros = is_zeros;
  if (chunk_.size_bytes == entry_.size_bytes) {
    chunk_digester_.reset();
  } else if (chunk_digester_.has_value()) {
    chunk_digester_->Update(block_);
    chunk_.digest = chunk_digester_->Finish();
    chunk_digester_.reset();
  } else {
    chunk_.digest = Digest::Sha256Of(block_);
  }
  RETURN_IF_ERROR(EndFrame());
  RETURN_IF_ERROR(contents_->AddChunk(chunk_));
  chunk_ = {.blob_offset = blob_bytes_};
  return absl::OkStatus();
}

absl::Status ChunkedSource::OnEntryEnd() {
  if (contents_ == nullptr) {
    return absl::OkStatus();
  }
  std::optional<BlobRange> content;
  if (entry_.size_bytes > 0) {
    RETURN_IF_ERROR(cutter_.Finish());
    content = BlobRange{content_offset_, blob_bytes_, digester_->Finish()};
  }
  RETURN_IF_ERROR(contents_->AddEntry(entry_, content));
  RETURN_IF_ERROR(AddSegment());
  RETURN_IF_ERROR(tar_split_->Append(
      TarSplitFileLine(entry_.name, entry_.size_bytes, crc64_.Bytes(), tar_split_lines_++)));
  return CheckHeld();
}

absl::Status ChunkedSource::AddSegment() {
  if (segment_.empty()) {
    return absl::OkStatus();
  }
  const std::string line = TarSplitSegmentLine(segment_, tar_split_lines_++);
  segment_.clear();
  return tar_split_->Append(line);
}

absl::Status ChunkedSource::CheckHeld() const {
  return contents_->held_bytes() + tar_split_->held_bytes() <= kMaxHeldBytes
             ? absl::OkStatus()
             : LimitExceeded(
                   absl::StrCat("a layer's table of contents and tar-split have more than ",
                                kMaxHeldBytes, " bytes compressed"));
}

absl::Status ChunkedSource::AddToFrame(absl::string_view bytes) {
  const size_t block_bytes = compressor_.format().block_bytes();
  while (!bytes.empty()) {
    if (block_.size() == block_bytes) {
      if (chunk_.size_bytes > static_cast<int64_t>(block_bytes)) {
        if (!chunk_digester_.has_value()) {
          chunk_digester_.emplace();
        }
        chunk_digester_->Update(block_);
      }
      RETURN_IF_ERROR(EndFrame());
    }
    const size_t count = std::min(bytes.size(), block_bytes - block_.size());
    block_.append(bytes.data(), count);
    bytes.remove_prefix(count);
  }
  return absl::OkStatus();
}

absl::Status ChunkedSource::EndFrame() { return block_.empty() ? absl::OkStatus() : Encode(); }

absl::Status ChunkedSource::Encode() {
  ASSIGN_OR_RETURN(const EncodedBlock encoded,
                   encoder_->Encode(/*number=*/0, /*before=*/{}, block_));
  block_.clear();
  blob_bytes_ += static_cast<int64_t>(encoded.bytes.size());
  ready().append(encoded.bytes);
  return absl::OkStatus();
}

}  // namespace holkas
