#include <isa-l/crc.h>
#include <zlib.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "worker/blob/block_encoder.h"
#include "worker/blob/deflater.h"
#include "worker/blob/gzip_frame.h"
#include "worker/blob/gzip_members.h"
#include "worker/blob/vector_state.h"

namespace holkas {
namespace {

constexpr size_t kGzipBlockBytes = 512 << 10;
// Deflate's window.
constexpr size_t kGzipBeforeBytes = 32 << 10;
// Of ISA-L's levels the last gives the least, and takes almost twice as long as this one, which
// stays within 6 % of what Skopeo makes.
constexpr int kIsalLevel = 2;

// Of NewGzipFormat's levels.
constexpr int kCodesOnlyLevel = -2;
constexpr int kUsualLevel = -1;
// What that is in Skopeo.
constexpr int kSkopeosLevel = 5;

// A last block, which is empty: the ones before it are not marked as the last.
constexpr absl::string_view kLastBlock("\x03\0", 2);

uint8_t* Bytes(absl::string_view bytes) {
  // Neither library writes to its input.
  return reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
}

// More than a block becomes where nothing in it repeats: stored blocks of 64 KiB, and the empty one
// of a flush.
constexpr size_t kRoomBytes = kGzipBlockBytes + kGzipBlockBytes / 1000 + 1024;

// Where an encoder writes, block after block.
class Room {
 public:
  uint8_t* bytes() { return bytes_.get(); }

  // What `block` became.
  EncodedBlock Take(size_t size, absl::string_view block) const {
    const ClearVectorsAtEnd clear;
    return {std::string(reinterpret_cast<const char*>(bytes_.get()), size),
            crc32_gzip_refl(0, Bytes(block), block.size())};
  }

 private:
  const std::unique_ptr<uint8_t[]> bytes_ = std::make_unique_for_overwrite<uint8_t[]>(kRoomBytes);
};

absl::Status TooLarge() { return absl::InternalError("compress gzip: the result is too large"); }

class IsalEncoder : public BlockEncoder {
 public:
  absl::StatusOr<EncodedBlock> Encode(int64_t /*number*/, absl::string_view before,
                                      absl::string_view block) override {
    const size_t size = deflater_.DeflatePart(before, block, room_.bytes(), kRoomBytes);
    return size == 0 ? absl::StatusOr<EncodedBlock>(TooLarge()) : room_.Take(size, block);
  }

 private:
  IsalDeflater deflater_{kIsalLevel};
  Room room_;
};

// Huffman codes alone, which neither ISA-L nor libdeflate has.
class CodesEncoder : public BlockEncoder {
 public:
  static absl::StatusOr<std::unique_ptr<BlockEncoder>> New() {
    auto encoder = std::make_unique<CodesEncoder>();
    // Without a header and trailer of its own.
    if (deflateInit2(&encoder->stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS,
                     MAX_MEM_LEVEL - 1, Z_HUFFMAN_ONLY) != Z_OK) {
      return absl::ResourceExhaustedError("compress gzip: out of memory");
    }
    return encoder;
  }

  ~CodesEncoder() override { deflateEnd(&stream_); }

  absl::StatusOr<EncodedBlock> Encode(int64_t /*number*/, absl::string_view /*before*/,
                                      absl::string_view block) override {
    deflateReset(&stream_);
    stream_.next_in = Bytes(block);
    stream_.avail_in = static_cast<uInt>(block.size());
    stream_.next_out = room_.bytes();
    stream_.avail_out = static_cast<uInt>(kRoomBytes);
    if (deflate(&stream_, Z_SYNC_FLUSH) != Z_OK || stream_.avail_in != 0 ||
        stream_.avail_out == 0) {
      return TooLarge();
    }
    return room_.Take(stream_.total_out, block);
  }

 private:
  z_stream stream_ = {};
  Room room_;
};

class GzipFormat : public BlockFormat {
 public:
  explicit GzipFormat(bool codes_only) : codes_only_(codes_only) {}

  size_t block_bytes() const override { return kGzipBlockBytes; }
  size_t before_bytes() const override { return codes_only_ ? 0 : kGzipBeforeBytes; }

  absl::StatusOr<std::unique_ptr<BlockEncoder>> NewEncoder() const override {
    if (codes_only_) {
      return CodesEncoder::New();
    }
    return std::make_unique<IsalEncoder>();
  }

  std::string Header() const override { return std::string(kGzipHeader); }

  uint32_t CombineCrc32(uint32_t crc32, uint32_t block_crc32, int64_t size) const override {
    return static_cast<uint32_t>(crc32_combine64(crc32, block_crc32, size));
  }

  std::string Trailer(uint32_t crc32, int64_t size) const override {
    return absl::StrCat(kLastBlock, GzipTrailer(crc32, size));
  }

 private:
  const bool codes_only_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BlockFormat>> NewGzipFormat(std::optional<int> level) {
  if (level.has_value() && (*level < kCodesOnlyLevel || *level > kHighestMembersLevel)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                     absl::StrCat("gzip: invalid compression level: ", *level),
                     {{"field", "compression_level"}});
  }
  if (!level.has_value() || *level == kCodesOnlyLevel) {
    return std::make_unique<GzipFormat>(level.has_value());
  }
  return NewGzipMembersFormat(*level == kUsualLevel ? kSkopeosLevel : *level);
}

}  // namespace holkas
