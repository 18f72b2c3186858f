#ifndef HOLKAS_WORKER_CRYPT_BUILD_PKEY_H_
#define HOLKAS_WORKER_CRYPT_BUILD_PKEY_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/crypt/openssl_pointers.h"

namespace holkas {

// A key of OpenSSL's from the numbers that a key file gave.

// `number` is big-endian, and at most 2 KiB.
UniqueBignum ToBignum(absl::string_view number);

// `type` in OpenSSL's words, `RSA` or `EC`; what `builder` was given outlives the call.
// Errors: INVALID_ARGUMENT without a reason where its numbers are no key.
absl::StatusOr<UniquePkey> BuildPkey(const char* type, bool is_private, OSSL_PARAM_BLD* builder);

// A key of RSA of its first two numbers, which are public, its first three, or all eight: n, e, d,
// p, q, d mod (p - 1), d mod (q - 1), the inverse of q mod p.
// Errors: as above, also where one is null.
absl::StatusOr<UniquePkey> BuildRsa(absl::Span<const UniqueBignum> numbers);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_BUILD_PKEY_H_
