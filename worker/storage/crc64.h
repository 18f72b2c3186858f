#ifndef HOLKAS_WORKER_STORAGE_CRC64_H_
#define HOLKAS_WORKER_STORAGE_CRC64_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace holkas {

// CRC-64 of ISO 3309, by which a layer's tar-split knows the content of a file. It finds accidents,
// not forgeries.
class Crc64 {
 public:
  void Update(absl::string_view data);
  void Reset() { value_ = 0; }
  bool operator==(const Crc64&) const = default;

  // Its eight bytes, the most significant first.
  std::string Bytes() const;

 private:
  uint64_t value_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_CRC64_H_
