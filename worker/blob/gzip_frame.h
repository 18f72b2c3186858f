#ifndef HOLKAS_WORKER_BLOB_GZIP_FRAME_H_
#define HOLKAS_WORKER_BLOB_GZIP_FRAME_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace holkas {

// What a member of gzip has around its stream of deflate (RFC 1952, 2.3).

// No name, no time, of no system in particular, as Go writes it.
inline constexpr absl::string_view kGzipHeader("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);

// `size_bytes`: of the content.
inline std::string GzipTrailer(uint32_t crc32, int64_t size_bytes) {
  std::string trailer;
  for (const uint32_t number : {crc32, static_cast<uint32_t>(size_bytes)}) {
    for (int shift = 0; shift < 32; shift += 8) {
      trailer += static_cast<char>(number >> shift);
    }
  }
  return trailer;
}

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_GZIP_FRAME_H_
