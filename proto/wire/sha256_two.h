#ifndef HOLKAS_PROTO_WIRE_SHA256_TWO_H_
#define HOLKAS_PROTO_WIRE_SHA256_TWO_H_

#include <cstddef>
#include <cstdint>

namespace holkas {

inline constexpr size_t kSha256BlockBytes = 64;

// A message within SHA-256: its eight words of state (FIPS 180-4, section 6.2.2: a to h), and what
// comes next of it.
struct Sha256Lane {
  uint32_t* state;
  const unsigned char* data;
};

// Whether this processor can run Sha256Two: x86-64 with the SHA extensions.
bool HasSha256Two();

// Takes `blocks` blocks of either message into its state, both at once. One message leaves the
// processor's SHA unit idle half of the time, since each step waits for the one before; two take
// hardly longer than one.
void Sha256Two(const Sha256Lane& first, const Sha256Lane& second, size_t blocks);

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_SHA256_TWO_H_
