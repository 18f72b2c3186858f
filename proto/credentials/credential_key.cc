#include "proto/credentials/credential_key.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"

namespace holkas {
namespace {

// As long as the name of an image may be.
constexpr size_t kMaxKeyBytes = 8192;
// How much of a refused key an error shows.
constexpr size_t kMaxShownBytes = 512;

absl::Status Invalid(absl::string_view key, absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                   absl::StrCat("key ", Printable(key, kMaxShownBytes), " ", why));
}

}  // namespace

absl::StatusOr<CredentialKey> CredentialKey::Parse(absl::string_view text) {
  if (absl::StartsWith(text, "http://") || absl::StartsWith(text, "https://")) {
    return Invalid(text, "contains http[s]:// prefix");
  }
  if (absl::StrContains(text, '@')) {
    return Invalid(text, "contains a '@' character");
  }
  size_t slash = text.find('/');
  if (slash != absl::string_view::npos && absl::StrContains(text.substr(slash), ':')) {
    return Invalid(text, "contains a ':' character after host[:port]");
  }
  // It goes to credential helpers as one line.
  bool visible = std::all_of(text.begin(), text.end(), absl::ascii_isgraph);
  if (text.empty() || slash == 0 || !visible) {
    return Invalid(text, "is not host[:port][/path]");
  }
  if (text.size() > kMaxKeyBytes) {
    return Invalid(text, absl::StrCat("is longer than ", kMaxKeyBytes, " bytes"));
  }
  return CredentialKey(text);
}

std::vector<std::string> CredentialKey::LookUpOrder() const {
  std::vector<std::string> keys = {text_};
  for (size_t slash; (slash = keys.back().rfind('/')) != std::string::npos;) {
    keys.push_back(keys.back().substr(0, slash));
  }
  return keys;
}

}  // namespace holkas
