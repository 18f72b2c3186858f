#ifndef HOLKAS_WORKER_BLOB_DEFLATER_H_
#define HOLKAS_WORKER_BLOB_DEFLATER_H_

#include <isa-l/igzip_lib.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"

namespace holkas {

// Compresses to deflate (RFC 1951), a stream at a time, all of which is in memory. Not thread-safe.
class Deflater {
 public:
  virtual ~Deflater() = default;

  // Result: how many bytes of `room` the stream of `content` takes; 0: it has no room.
  virtual size_t Deflate(absl::string_view content, uint8_t* room, size_t room_bytes) = 0;
};

// libdeflate's levels, 0 (stored) to 12. Null where there is no memory.
std::unique_ptr<Deflater> NewLibdeflateDeflater(int level);

// ISA-L's levels, 1 to 3: much faster than libdeflate's, and what comes out is larger.
class IsalDeflater final : public Deflater {
 public:
  explicit IsalDeflater(int level);

  size_t Deflate(absl::string_view content, uint8_t* room, size_t room_bytes) override;

  // The same for a part of a stream that goes on behind it: what comes out ends with a byte, and
  // the next part's may follow. `before`: the last bytes before the part, as many as deflate looks
  // back to or fewer.
  size_t DeflatePart(absl::string_view before, absl::string_view content, uint8_t* room,
                     size_t room_bytes);

 private:
  void Begin();
  size_t Run(absl::string_view content, uint8_t* room, size_t room_bytes);

  const int level_;
  const std::unique_ptr<uint8_t[]> buffer_;
  isal_zstream stream_ = {};
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_DEFLATER_H_
