#include "worker/storage/crc64.h"

#include <isa-l/crc64.h>

#include "worker/blob/vector_state.h"

namespace holkas {

void Crc64::Update(absl::string_view data) {
  const ClearVectorsAtEnd clear;
  value_ = crc64_iso_refl(value_, reinterpret_cast<const unsigned char*>(data.data()), data.size());
}

std::string Crc64::Bytes() const {
  std::string bytes(sizeof value_, '\0');
  for (size_t i = 0; i < sizeof value_; ++i) {
    bytes[i] = static_cast<char>(value_ >> (56 - 8 * i));
  }
  return bytes;
}

}  // namespace holkas
