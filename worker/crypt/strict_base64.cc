#include "worker/crypt/strict_base64.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"

namespace holkas {

// Abseil reads more than one text as the same bytes, but writes only one of them.

absl::StatusOr<std::string> DecodeBase64(absl::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) || absl::Base64Escape(bytes) != text) {
    return absl::InvalidArgumentError("malformed base64");
  }
  return bytes;
}

absl::StatusOr<std::string> DecodeBase64Url(absl::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes) || EncodeBase64Url(bytes) != text) {
    return absl::InvalidArgumentError("malformed base64url");
  }
  return bytes;
}

std::string EncodeBase64Url(absl::string_view bytes) { return absl::WebSafeBase64Escape(bytes); }

}  // namespace holkas
