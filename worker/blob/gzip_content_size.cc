#include "worker/blob/gzip_content_size.h"

namespace holkas {
namespace {

// What is not compressible grows by less than a hundredth.
constexpr int64_t kGrowth = 100;
// Deflate makes no more of a byte (RFC 1951: 258 of two bits).
constexpr int64_t kMostOfAByte = 1032;

}  // namespace

std::optional<int64_t> GuessGzipContentSize(absl::string_view end, int64_t size_bytes) {
  if (end.size() < kGzipSizeBytes) {
    return std::nullopt;
  }
  int64_t content = 0;
  for (size_t i = 1; i <= kGzipSizeBytes; ++i) {
    content = content << 8 | static_cast<unsigned char>(end[end.size() - i]);
  }
  const bool can_be =
      content >= size_bytes - size_bytes / kGrowth && content / kMostOfAByte <= size_bytes;
  return can_be ? std::optional<int64_t>(content) : std::nullopt;
}

}  // namespace holkas
