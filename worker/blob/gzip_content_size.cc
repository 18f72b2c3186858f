#include "worker/blob/gzip_content_size.h"

namespace holkas {
namespace {

// What is not compressible grows by less than a hundredth.
constexpr int64_t kGrowth = 100;

}  // namespace

std::optional<int64_t> GuessGzipContentSize(absl::string_view end, int64_t size_bytes) {
  if (end.size() < kGzipSizeBytes) {
    return std::nullopt;
  }
  int64_t content = 0;
  for (size_t i = 1; i <= kGzipSizeBytes; ++i) {
    content = content << 8 | static_cast<unsigned char>(end[end.size() - i]);
  }
  return content < size_bytes - size_bytes / kGrowth ? std::nullopt
                                                     : std::optional<int64_t>(content);
}

}  // namespace holkas
