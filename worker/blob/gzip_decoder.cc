#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "worker/blob/decoder.h"
#include "worker/blob/vector_state.h"

namespace holkas {
namespace {

// ISA-L compares the header's checksum, and the trailer's checksum and size.
class GzipDecoder : public Decoder {
 public:
  GzipDecoder() { isal_inflate_init(&state_); }

  absl::StatusOr<Progress> Decode(absl::string_view input, absl::Span<char> output) override {
    if (at_member_start_) {
      if (input.empty()) {
        return Progress{};
      }
      isal_inflate_reset(&state_);
      state_.crc_flag = ISAL_GZIP;
      at_member_start_ = false;
    }
    const auto given = static_cast<uint32_t>(std::min(input.size(), kMaxGivenBytes));
    const auto room = static_cast<uint32_t>(std::min(output.size(), kMaxGivenBytes));
    // ISA-L does not write to its input.
    state_.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(input.data()));
    state_.avail_in = given;
    state_.next_out = reinterpret_cast<uint8_t*>(output.data());
    state_.avail_out = room;
    const ClearVectorsAtEnd clear;
    const int result = isal_inflate(&state_);
    if (result != ISAL_DECOMP_OK && result != ISAL_END_INPUT) {
      return MalformedError(Compression::kGzip, Reason(result));
    }
    at_member_start_ = state_.block_state == ISAL_BLOCK_FINISH;
    any_member_ |= at_member_start_;
    return Progress{given - state_.avail_in, room - state_.avail_out};
  }

  bool MayEnd() const override { return at_member_start_ && any_member_; }

 private:
  // ISA-L counts in 32 bits.
  static constexpr size_t kMaxGivenBytes = size_t{1} << 30;

  static absl::string_view Reason(int result) {
    switch (result) {
      case ISAL_INVALID_WRAPPER:
        return "invalid header";
      case ISAL_UNSUPPORTED_METHOD:
        return "unknown method";
      case ISAL_INCORRECT_CHECKSUM:
        return "invalid checksum";
      default:
        return "invalid data";
    }
  }

  inflate_state state_;
  bool at_member_start_ = true;
  bool any_member_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Decoder>> NewGzipDecoder() {
  return std::make_unique<GzipDecoder>();
}

}  // namespace holkas
