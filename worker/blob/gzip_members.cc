#include "worker/blob/gzip_members.h"

#include <libdeflate.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "worker/blob/deflater.h"
#include "worker/blob/gzip_frame.h"

namespace holkas {
namespace {

constexpr size_t kBlockBytes = 512 << 10;
// More than a block becomes where nothing in it repeats: ISA-L stores in pieces of 64 KiB,
// libdeflate of 5000 bytes at least, and each takes five bytes.
constexpr size_t kRoomBytes = kBlockBytes + kBlockBytes / 1000 + 1024;

// How one block is compressed.
struct Effort {
  enum class Library : uint8_t { kIsal, kLibdeflate } library;
  int level;

  bool operator==(const Effort&) const = default;
};
constexpr Effort Isal(int level) { return {Effort::Library::kIsal, level}; }
constexpr Effort Libdeflate(int level) { return {Effort::Library::kLibdeflate, level}; }

// What the blocks of a stream take turns with, for each level.
constexpr size_t kTurns = 3;
constexpr std::array<std::array<Effort, kTurns>, kHighestMembersLevel + 1> kLevels = {{
    {Libdeflate(0), Libdeflate(0), Libdeflate(0)},
    {Isal(1), Isal(1), Isal(1)},
    {Isal(2), Isal(2), Isal(2)},
    {Isal(3), Isal(3), Isal(3)},
    {Libdeflate(2), Isal(2), Isal(2)},
    {Libdeflate(2), Isal(2), Libdeflate(2)},
    {Libdeflate(2), Libdeflate(2), Libdeflate(2)},
    {Libdeflate(4), Libdeflate(4), Libdeflate(4)},
    {Libdeflate(6), Libdeflate(6), Libdeflate(6)},
    {Libdeflate(7), Libdeflate(7), Libdeflate(7)},
}};

// Null where there is no memory.
std::shared_ptr<Deflater> NewDeflater(const Effort& effort) {
  if (effort.library == Effort::Library::kIsal) {
    return std::make_shared<IsalDeflater>(effort.level);
  }
  return NewLibdeflateDeflater(effort.level);
}

class MembersEncoder : public BlockEncoder {
 public:
  static absl::StatusOr<std::unique_ptr<BlockEncoder>> New(int level) {
    const std::array<Effort, kTurns>& efforts = kLevels[static_cast<size_t>(level)];
    auto encoder = std::make_unique<MembersEncoder>();
    for (size_t turn = 0; turn < kTurns; ++turn) {
      size_t same = 0;
      while (efforts[same] != efforts[turn]) {
        ++same;
      }
      encoder->deflaters_[turn] =
          same < turn ? encoder->deflaters_[same] : NewDeflater(efforts[turn]);
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
    const uint32_t crc32 = libdeflate_crc32(0, block.data(), block.size());
    const absl::string_view deflated(reinterpret_cast<const char*>(room_.get()), size);
    return EncodedBlock{absl::StrCat(kGzipHeader, deflated,
                                     GzipTrailer(crc32, static_cast<int64_t>(block.size())))};
  }

 private:
  // For each turn; the same one where turns are alike.
  std::array<std::shared_ptr<Deflater>, kTurns> deflaters_;
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
