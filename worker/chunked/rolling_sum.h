#ifndef HOLKAS_WORKER_CHUNKED_ROLLING_SUM_H_
#define HOLKAS_WORKER_CHUNKED_ROLLING_SUM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace holkas {

// The checksum of a file's last 64 bytes, as bup and containers/storage have it. Where it has a
// certain form the file is cut: so two files that differ in a few bytes have most chunks in common.
class RollingSum {
 public:
  void Roll(uint8_t byte) {
    uint8_t& oldest = window_[next_];
    sum_ += byte - oldest;
    weighted_sum_ += sum_ - kWindowBytes * (oldest + kByteOffset);
    oldest = byte;
    next_ = (next_ + 1) % kWindowBytes;
  }

  // Whether a chunk ends here: one in 65536 does.
  bool IsCut() const { return (weighted_sum_ & 0xffff) == 0xffff; }

  // As after 64 or more bytes of zero, and as in the beginning.
  void Reset() { *this = RollingSum(); }

 private:
  static constexpr uint32_t kWindowBytes = 64;
  static constexpr uint32_t kByteOffset = 31;

  uint32_t sum_ = kWindowBytes * kByteOffset;
  uint32_t weighted_sum_ = kWindowBytes * (kWindowBytes - 1) * kByteOffset;
  std::array<uint8_t, kWindowBytes> window_ = {};
  size_t next_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_CHUNKED_ROLLING_SUM_H_
