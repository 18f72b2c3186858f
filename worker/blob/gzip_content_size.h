#ifndef HOLKAS_WORKER_BLOB_GZIP_CONTENT_SIZE_H_
#define HOLKAS_WORKER_BLOB_GZIP_CONTENT_SIZE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace holkas {

// How many bytes at the end of gzip say how much content it has.
inline constexpr size_t kGzipSizeBytes = 4;

// How many bytes gzip of `size_bytes` that ends in `end` is likely to become: what its trailer says
// (RFC 1952, ISIZE) is that modulo 4 GiB, and of its last member alone. Nothing where it cannot be
// true of the whole.
std::optional<int64_t> GuessGzipContentSize(absl::string_view end, int64_t size_bytes);

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_GZIP_CONTENT_SIZE_H_
