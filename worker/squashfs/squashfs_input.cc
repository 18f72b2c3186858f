#include "worker/squashfs/squashfs_input.h"

#include <sqfs/error.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// No other number may become a SQFS_COMPRESSOR.
bool IsKnown(uint16_t id) { return id >= SQFS_COMP_MIN && id <= SQFS_COMP_MAX; }

// As unsquashfs names them.
std::string CompressionName(uint16_t id) {
  const char* name =
      IsKnown(id) ? sqfs_compressor_name_from_id(static_cast<SQFS_COMPRESSOR>(id)) : nullptr;
  return name != nullptr ? name : absl::StrCat("number ", id);
}

}  // namespace

absl::Status InvalidSquashfs(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_ARCHIVE",
                   absl::StrCat("malformed squashfs: ", why));
}

absl::Status SquashfsLimitExceeded(absl::string_view what, int64_t limit) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("squashfs: ", what, ": more than ", limit));
}

SquashfsRange::SquashfsRange(const RandomFile& file, int64_t offset, int64_t size_bytes)
    : sqfs_file_t(), file_(file), offset_(offset), size_bytes_(size_bytes) {
  base.destroy = [](sqfs_object_t*) {};
  read_at = &SquashfsRange::ReadAt;
  get_size = [](const sqfs_file_t* self) {
    return static_cast<sqfs_u64>(static_cast<const SquashfsRange*>(self)->size_bytes_);
  };
  // It is only read.
  write_at = [](sqfs_file_t*, sqfs_u64, const void*, size_t) -> int { return SQFS_ERROR_IO; };
  truncate = [](sqfs_file_t*, sqfs_u64) -> int { return SQFS_ERROR_IO; };
}

absl::Status SquashfsRange::ReadAt(uint64_t offset, absl::Span<char> buffer) {
  const uint64_t size_bytes = static_cast<uint64_t>(size_bytes_);
  if (offset > size_bytes || buffer.size() > size_bytes - offset) {
    return InvalidSquashfs("something lies beyond its end");
  }
  ASSIGN_OR_RETURN(const size_t count,
                   file_.ReadAt(offset_ + static_cast<int64_t>(offset), buffer));
  if (count < buffer.size()) {
    return InvalidSquashfs("the file ends before it does");
  }
  return absl::OkStatus();
}

int SquashfsRange::ReadAt(sqfs_file_t* self, sqfs_u64 offset, void* buffer, size_t size) {
  SquashfsRange& range = *static_cast<SquashfsRange*>(self);
  absl::Status status = range.ReadAt(offset, absl::MakeSpan(static_cast<char*>(buffer), size));
  if (status.ok()) {
    return 0;
  }
  range.error_.Update(std::move(status));
  return SQFS_ERROR_OUT_OF_BOUNDS;
}

absl::StatusOr<std::unique_ptr<SquashfsDecoder>> SquashfsDecoder::New(uint16_t compression_id,
                                                                      uint32_t block_bytes,
                                                                      int64_t max_bytes) {
  sqfs_compressor_config_t config;
  sqfs_compressor_t* codec = nullptr;
  if (!IsKnown(compression_id) ||
      sqfs_compressor_config_init(&config, static_cast<SQFS_COMPRESSOR>(compression_id),
                                  block_bytes, SQFS_COMP_FLAG_UNCOMPRESS) != 0 ||
      sqfs_compressor_create(&config, &codec) != 0) {
    return MakeError(absl::StatusCode::kUnimplemented, "OPTION_UNIMPLEMENTED",
                     absl::StrCat("squashfs compressed with ", CompressionName(compression_id),
                                  ": this version does not read it"));
  }
  return std::unique_ptr<SquashfsDecoder>(
      new SquashfsDecoder(SqfsPointer<sqfs_compressor_t>(codec), max_bytes));
}

SquashfsDecoder::SquashfsDecoder(SqfsPointer<sqfs_compressor_t> codec, int64_t max_bytes)
    : sqfs_compressor_t(), codec_(std::move(codec)), max_bytes_(max_bytes), left_bytes_(max_bytes) {
  base.destroy = [](sqfs_object_t*) {};
  do_block = &SquashfsDecoder::Decode;
}

absl::StatusOr<size_t> SquashfsDecoder::Decode(absl::Span<const char> block,
                                               absl::Span<char> output) {
  const sqfs_s32 count = Decode(
      this, reinterpret_cast<const sqfs_u8*>(block.data()), static_cast<sqfs_u32>(block.size()),
      reinterpret_cast<sqfs_u8*>(output.data()), static_cast<sqfs_u32>(output.size()));
  if (is_exhausted()) {
    return SquashfsLimitExceeded("bytes that come out of its blocks", max_bytes_);
  }
  if (count <= 0) {
    return InvalidSquashfs("a block that cannot be decompressed");
  }
  return static_cast<size_t>(count);
}

sqfs_s32 SquashfsDecoder::Decode(sqfs_compressor_t* self, const sqfs_u8* in, sqfs_u32 size,
                                 sqfs_u8* out, sqfs_u32 out_size) {
  SquashfsDecoder& decoder = *static_cast<SquashfsDecoder*>(self);
  // What does not come out has been decoded all the same.
  decoder.left_bytes_ -= out_size;
  if (decoder.is_exhausted()) {
    return SQFS_ERROR_COMPRESSOR;
  }
  const sqfs_s32 count = decoder.codec_->do_block(decoder.codec_.get(), in, size, out, out_size);
  decoder.left_bytes_ += count > 0 ? static_cast<int64_t>(out_size) - count : 0;
  return count;
}

}  // namespace holkas
