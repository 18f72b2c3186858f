#ifndef HOLKAS_WORKER_CRYPT_AES_GCM_H_
#define HOLKAS_WORKER_CRYPT_AES_GCM_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// AES in Galois/Counter Mode (NIST SP 800-38D) of a message that is in memory.

inline constexpr size_t kGcmNonceBytes = 12;
inline constexpr size_t kGcmTagBytes = 16;

// The encrypted message with its tag behind it. `key`: 16, 24 or 32 bytes. `aad` is authenticated,
// too.
// Errors: INVALID_ARGUMENT for a key or nonce of another size; INTERNAL.
absl::StatusOr<std::string> SealAesGcm(absl::string_view key, absl::string_view nonce,
                                       absl::string_view aad, absl::string_view message);

// The message. `sealed` as SealAesGcm gives it.
// Errors: INVALID_ARGUMENT as above, or where the tag is another.
absl::StatusOr<std::string> OpenAesGcm(absl::string_view key, absl::string_view nonce,
                                       absl::string_view aad, absl::string_view sealed);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_AES_GCM_H_
