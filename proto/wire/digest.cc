#include "proto/wire/digest.h"

#include <openssl/sha.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// How much of a malformed digest an error shows.
constexpr size_t kMaxShownBytes = 128;

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// OCI image-spec, descriptor.md: the characters of an algorithm's name.
bool IsAlgorithmName(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '+' || c == '.' || c == '_' ||
           c == '-';
  });
}

absl::Status Malformed(absl::string_view text, absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                   absl::StrCat("invalid digest \"",
                                absl::CHexEscape(text.substr(0, kMaxShownBytes)), "\": ", why));
}

}  // namespace

absl::StatusOr<Digest> Digest::Parse(absl::string_view text) {
  size_t colon = text.find(':');
  if (colon == absl::string_view::npos) {
    return Malformed(text, "want algorithm:hex");
  }
  absl::string_view algorithm = text.substr(0, colon);
  absl::string_view hex = text.substr(colon + 1);
  size_t want = 0;
  if (algorithm == "sha256") {
    want = 64;
  } else if (algorithm == "sha512") {
    want = 128;
  } else if (!IsAlgorithmName(algorithm)) {
    return Malformed(text, "want algorithm:hex");
  } else {
    return MakeError(absl::StatusCode::kUnimplemented, "OPTION_UNIMPLEMENTED",
                     Malformed(text, "want sha256 or sha512").message());
  }
  if (hex.size() != want || !IsLowerHex(hex)) {
    return Malformed(text, absl::StrCat("want ", want, " lower-case hex digits"));
  }
  return Digest(std::string(text));
}

Digest Digest::Sha256Of(absl::string_view content) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(content.data()), content.size(), hash);
  return Digest(absl::StrCat("sha256:", absl::BytesToHexString(absl::string_view(
                                            reinterpret_cast<char*>(hash), sizeof(hash)))));
}

absl::string_view Digest::algorithm() const {
  return absl::string_view(text_).substr(0, text_.find(':'));
}

absl::string_view Digest::hex() const {
  return absl::string_view(text_).substr(text_.find(':') + 1);
}

}  // namespace holkas
