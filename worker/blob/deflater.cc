#include "worker/blob/deflater.h"

#include <libdeflate.h>

#include "worker/blob/vector_state.h"

namespace holkas {
namespace {

// So many matches have a table of codes: with more of them what comes out is larger, with fewer it
// takes longer.
constexpr size_t kIsalTokens = size_t{8} * IGZIP_K;

constexpr size_t IsalBufferBytes(int level) {
  return level == 1   ? ISAL_DEF_LVL1_DEFAULT
         : level == 2 ? ISAL_DEF_LVL2_REQ + kIsalTokens * ISAL_DEF_LVL2_TOKEN_SIZE
                      : ISAL_DEF_LVL3_REQ + kIsalTokens * ISAL_DEF_LVL3_TOKEN_SIZE;
}

uint8_t* Bytes(absl::string_view bytes) {
  // ISA-L does not write to its input.
  return reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
}

class LibdeflateDeflater final : public Deflater {
 public:
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

}  // namespace

std::unique_ptr<Deflater> NewLibdeflateDeflater(int level) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(level);
  return compressor == nullptr ? nullptr : std::make_unique<LibdeflateDeflater>(compressor);
}

IsalDeflater::IsalDeflater(int level)
    : level_(level), buffer_(std::make_unique<uint8_t[]>(IsalBufferBytes(level))) {}

size_t IsalDeflater::Deflate(absl::string_view content, uint8_t* room, size_t room_bytes) {
  const ClearVectorsAtEnd clear;
  Begin();
  stream_.end_of_stream = 1;
  const size_t size = Run(content, room, room_bytes);
  return stream_.internal_state.state == ZSTATE_END ? size : 0;
}

size_t IsalDeflater::DeflatePart(absl::string_view before, absl::string_view content, uint8_t* room,
                                 size_t room_bytes) {
  const ClearVectorsAtEnd clear;
  Begin();
  stream_.flush = SYNC_FLUSH;
  if (!before.empty() && isal_deflate_set_dict(&stream_, Bytes(before),
                                               static_cast<uint32_t>(before.size())) != COMP_OK) {
    return 0;
  }
  const size_t size = Run(content, room, room_bytes);
  return stream_.avail_out == 0 ? 0 : size;
}

void IsalDeflater::Begin() {
  isal_deflate_init(&stream_);
  stream_.level = static_cast<uint32_t>(level_);
  stream_.level_buf = buffer_.get();
  stream_.level_buf_size = static_cast<uint32_t>(IsalBufferBytes(level_));
}

size_t IsalDeflater::Run(absl::string_view content, uint8_t* room, size_t room_bytes) {
  stream_.next_in = Bytes(content);
  stream_.avail_in = static_cast<uint32_t>(content.size());
  stream_.next_out = room;
  stream_.avail_out = static_cast<uint32_t>(room_bytes);
  return isal_deflate(&stream_) == COMP_OK && stream_.avail_in == 0 ? stream_.total_out : 0;
}

}  // namespace holkas
