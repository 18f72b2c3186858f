#ifndef HOLKAS_WORKER_CRYPT_STRICT_BASE64_H_
#define HOLKAS_WORKER_CRYPT_STRICT_BASE64_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// Base64 (RFC 4648) of which there is one text for each string of bytes: no blanks, no missing or
// needless padding, no bits that mean nothing. Errors everywhere: INVALID_ARGUMENT without a
// reason.

// The usual alphabet, with padding.
absl::StatusOr<std::string> DecodeBase64(absl::string_view text);
// The alphabet for URLs, without padding.
absl::StatusOr<std::string> DecodeBase64Url(absl::string_view text);
std::string EncodeBase64Url(absl::string_view bytes);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_STRICT_BASE64_H_
