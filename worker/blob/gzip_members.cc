#include "worker/blob/gzip_members.h"

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/blob/vector_state.h"

namespace holkas {
namespace {

constexpr size_t kBlockBytes = 512 << 10;

// No name, no time, of no system in particular, as Go writes it.
constexpr char kHeader[] = {'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 0, '\xff'};
constexpr size_t kTrailerBytes = 8;

// How one block is compressed.
struct Effort {
  enum class Library : uint8_t { kIsal, kDeflate } library;
  int level;
};

// What the blocks of a stream take turns with, for each level.
constexpr size_t kTurns = 3;
constexpr Effort Isal(int level) { return {Effort::Library::kIsal, level}; }
constexpr Effort Deflate(int level) { return {Effort::Library::kDeflate, level}; }
constexpr std::array<std::array<Effort, kTurns>, kHighestMembersLevel + 1> kLevels = {{
    {Deflate(0), Deflate(0), Deflate(0)},
    {Isal(1), Isal(1), Isal(1)},
    {Isal(2), Isal(2), Isal(2)},
    {Isal(3), Isal(3), Isal(3)},
    {Deflate(2), Isal(2), Isal(2)},
    {Deflate(2), Isal(2), Deflate(2)},
    {Deflate(2), Deflate(2), Deflate(2)},
    {Deflate(4), Deflate(4), Deflate(4)},
    {Deflate(6), Deflate(6), Deflate(6)},
    {Deflate(7), Deflate(7), Deflate(7)},
}};

// So many matches have a table of codes: with more of them what comes out is larger.
constexpr size_t kIsalTokens = 8 * IGZIP_K;
constexpr size_t IsalBufferBytes(int level) {
  return level == 1   ? ISAL_DEF_LVL1_DEFAULT
         : level == 2 ? ISAL_DEF_LVL2_REQ + kIsalTokens * ISAL_DEF_LVL2_TOKEN_SIZE
                      : ISAL_DEF_LVL3_REQ + kIsalTokens * ISAL_DEF_LVL3_TOKEN_SIZE;
}

uint8_t* Bytes(absl::string_view bytes) {
  // Neither library writes to its input.
  return reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
}

void AppendLittleEndian(uint32_t number, std::string& to) {
  for (int shift = 0; shift < 32; shift += 8) {
    to += static_cast<char>(number >> shift);
  }
}

// Compresses to one stream of deflate, whole. Not thread-safe.
class Deflater {
 public:
  virtual ~Deflater() = default;

  // Result: how many bytes of `room` the stream of `content` takes; 0: it has no room.
  virtual size_t Deflate(absl::string_view content, uint8_t* room, size_t room_bytes) = 0;
};

class IsalDeflater : public Deflater {
 public:
  explicit IsalDeflater(int level)
      : level_(level), buffer_(std::make_unique<uint8_t[]>(IsalBufferBytes(level))) {}

  size_t Deflate(absl::string_view content, uint8_t* room, size_t room_bytes) override {
    const ClearVectorsAtEnd clear;
    isal_deflate_init(&stream_);
    stream_.level = static_cast<uint32_t>(level_);
    stream_.level_buf = buffer_.get();
    stream_.level_buf_size = static_cast<uint32_t>(IsalBufferBytes(level_));
    stream_.end_of_stream = 1;
    stream_.next_in = Bytes(content);
    stream_.avail_in = static_cast<uint32_t>(content.size());
    stream_.next_out = room;
    stream_.avail_out = static_cast<uint32_t>(room_bytes);
    const bool is_whole = isal_deflate(&stream_) == COMP_OK && stream_.avail_in == 0 &&
                          stream_.internal_state.state == ZSTATE_END;
    return is_whole ? stream_.total_out : 0;
  }

 private:
  const int level_;
  const std::unique_ptr<uint8_t[]> buffer_;
  isal_zstream stream_ = {};
};

class LibdeflateDeflater : public Deflater {
 public:
  // Null where there is no memory.
  static std::unique_ptr<Deflater> New(int level) {
    libdeflate_compressor* compressor = libdeflate_alloc_compressor(level);
    return compressor == nullptr ? nullptr : std::make_unique<LibdeflateDeflater>(compressor);
  }

  explicit LibdeflateDeflater(libdeflate_compressor* compressor) : compressor_(compressor) {}

  size_t Deflate(absl::string_view content, uint8_t* room, size_t room_bytes) override {
    return libdeflate_deflate_compress(compressor_.get(), content.data(), content.size(), room,
                                       room_bytes);
  }

 private:
  struct Free {
    void operator()(libdeflate_compressor* compressor) const {
      libdeflate_free_compressor(compressor);
    }
  };
  const std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

class MembersEncoder : public BlockEncoder {
 public:
  static absl::StatusOr<std::unique_ptr<BlockEncoder>> New(int level) {
    auto encoder = std::make_unique<MembersEncoder>();
    for (size_t turn = 0; turn < kTurns; ++turn) {
      const Effort& effort = kLevels[static_cast<size_t>(level)][turn];
      encoder->deflaters_[turn] = effort.library == Effort::Library::kIsal
                                      ? std::make_unique<IsalDeflater>(effort.level)
                                      : LibdeflateDeflater::New(effort.level);
      if (encoder->deflaters_[turn] == nullptr) {
        return absl::ResourceExhaustedError("compress gzip: out of memory");
      }
    }
    return encoder;
  }

  absl::StatusOr<EncodedBlock> Encode(int64_t number, absl::string_view /*before*/,
                                      absl::string_view block) override {
    Deflater& deflater = *deflaters_[static_cast<size_t>(number) % kTurns];
    const size_t size = deflater.Deflate(block, room_.get(), kRoomBytes);
    if (size == 0) {
      return absl::InternalError("compress gzip: the result is too large");
    }
    EncodedBlock encoded;
    encoded.bytes.reserve(sizeof(kHeader) + size + kTrailerBytes);
    encoded.bytes.append(kHeader, sizeof(kHeader));
    encoded.bytes.append(reinterpret_cast<const char*>(room_.get()), size);
    AppendLittleEndian(libdeflate_crc32(0, block.data(), block.size()), encoded.bytes);
    AppendLittleEndian(static_cast<uint32_t>(block.size()), encoded.bytes);
    return encoded;
  }

 private:
  // More than a block becomes where nothing in it repeats: ISA-L stores in pieces of 64 KiB,
  // libdeflate of 5000 bytes at least, and each takes five bytes.
  static constexpr size_t kRoomBytes = kBlockBytes + kBlockBytes / 1000 + 1024;

  std::array<std::unique_ptr<Deflater>, kTurns> deflaters_;
  const std::unique_ptr<uint8_t[]> room_ = std::make_unique_for_overwrite<uint8_t[]>(kRoomBytes);
};

// All is in the members.
class MembersFormat : public BlockFormat {
 public:
  explicit MembersFormat(int level) : level_(level) {}

  size_t block_bytes() const override { return kBlockBytes; }
  size_t before_bytes() const override { return 0; }
  absl::StatusOr<std::unique_ptr<BlockEncoder>> NewEncoder() const override {
    return MembersEncoder::New(level_);
  }
  std::string Header() const override { return ""; }
  uint32_t CombineCrc32(uint32_t /*crc32*/, uint32_t /*block_crc32*/,
                        int64_t /*size*/) const override {
    return 0;
  }
  std::string Trailer(uint32_t /*crc32*/, int64_t /*size*/) const override { return ""; }

 private:
  const int level_;
};

}  // namespace

std::unique_ptr<BlockFormat> NewGzipMembersFormat(int level) {
  return std::make_unique<MembersFormat>(level);
}

}  // namespace holkas
