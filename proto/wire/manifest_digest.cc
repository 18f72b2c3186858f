#include "proto/wire/manifest_digest.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using nlohmann::json;

// Who says this has no signatures in it, whatever else it says.
constexpr absl::string_view kUnsignedTypes[] = {
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
};

// Where the payload ends in the signed manifest, and what follows there.
struct PayloadFormat {
  size_t length = 0;
  std::string tail;
};

absl::Status Invalid(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST", why);
}

// What is looked at is ASCII: other bytes, valid UTF-8 or not, are in texts that nobody reads here.
json ParseAscii(absl::string_view text) {
  // For nlohmann's parser a NUL byte ends the text, and it skips a byte order mark.
  if (text.find('\0') != absl::string_view::npos || absl::StartsWith(text, "\xef\xbb\xbf")) {
    return json(json::value_t::discarded);
  }
  std::string ascii(text);
  std::replace_if(
      ascii.begin(), ascii.end(), [](char c) { return static_cast<signed char>(c) < 0; }, '?');
  return json::parse(ascii, nullptr, /*allow_exceptions=*/false);
}

// The field of an object as Go finds it, which does not heed case; null where there is none.
const json* FindField(const json& object, absl::string_view name) {
  if (const auto exact = object.find(std::string(name)); exact != object.end()) {
    return &*exact;
  }
  for (const auto& [key, value] : object.items()) {
    if (absl::EqualsIgnoreCase(key, name)) {
      return &value;
    }
  }
  return nullptr;
}

// Whether it is a signed manifest of schema 1, as far as Skopeo can tell.
bool IsSigned(const json& root) {
  if (!root.is_object()) {
    return false;
  }
  const json* media_type = FindField(root, "mediaType");
  const json* version = FindField(root, "schemaVersion");
  const json* signatures = FindField(root, "signatures");
  if (media_type != nullptr && !media_type->is_null()) {
    const auto* type = media_type->get_ptr<const std::string*>();
    if (type == nullptr || std::find(std::begin(kUnsignedTypes), std::end(kUnsignedTypes), *type) !=
                               std::end(kUnsignedTypes)) {
      return false;
    }
  }
  return version != nullptr && version->is_number_integer() && version->get<int64_t>() == 1 &&
         signatures != nullptr && !signatures->is_null();
}

// Keys of other kinds are not known to who signs manifests.
absl::Status CheckKey(const json& key) {
  constexpr absl::string_view kContext = "error unmarshalling public key: ";
  const auto type = key.is_object() ? key.find("kty") : key.end();
  if (!key.is_object() && !key.is_null()) {
    return Invalid(absl::StrCat(kContext, "the JWK is not an object"));
  }
  if (key.is_null() || type == key.end()) {
    return Invalid(absl::StrCat(kContext, "JWK Public Key type: \"kty\" value not specified"));
  }
  if (*type != "EC" && *type != "RSA") {
    return Invalid(absl::StrCat(kContext, "JWK Public Key type not supported"));
  }
  return absl::OkStatus();
}

// The protected header of a signature.
absl::StatusOr<json> ParseProtected(const json& signature) {
  const json* field = signature.is_object() ? FindField(signature, "protected") : nullptr;
  if ((!signature.is_object() && !signature.is_null()) ||
      (field != nullptr && !field->is_string() && !field->is_null())) {
    return Invalid("error unmarshalling signatures: one is of another form");
  }
  const bool has_text = field != nullptr && field->is_string();
  std::string text;
  if (has_text && !absl::WebSafeBase64Unescape(field->get_ref<const std::string&>(), &text)) {
    return Invalid("base64 decode error: the protected header is not base64url");
  }
  json header = ParseAscii(text);
  if (!header.is_object()) {
    return Invalid("error unmarshalling protected header: not a JSON object");
  }
  return header;
}

absl::StatusOr<PayloadFormat> ParseFormat(const json& header, size_t manifest_bytes) {
  const auto length = header.find("formatLength");
  if (length == header.end() || !length->is_number()) {
    return Invalid("missing formatted length");
  }
  const auto tail = header.find("formatTail");
  if (tail == header.end() || !tail->is_string()) {
    return Invalid("missing formatted tail");
  }
  PayloadFormat format;
  if (!absl::WebSafeBase64Unescape(tail->get_ref<const std::string&>(), &format.tail)) {
    return Invalid("base64 decode error on tail: it is not base64url");
  }
  // Compared before it is converted: a number in JSON has no bounds.
  const double bytes = length->get<double>();
  if (!(bytes >= 0 && bytes <= static_cast<double>(manifest_bytes))) {
    return Invalid("invalid format length");
  }
  format.length = static_cast<size_t>(bytes);
  return format;
}

absl::StatusOr<PayloadFormat> ReadSignature(const json& signature, size_t manifest_bytes) {
  ASSIGN_OR_RETURN(const json header, ParseProtected(signature));
  ASSIGN_OR_RETURN(PayloadFormat format, ParseFormat(header, manifest_bytes));
  const json* unprotected = FindField(signature, "header");
  if (unprotected != nullptr && unprotected->is_object()) {
    if (const json* key = FindField(*unprotected, "jwk"); key != nullptr) {
      RETURN_IF_ERROR(CheckKey(*key));
    }
  }
  return format;
}

// What all signatures agree on.
absl::StatusOr<PayloadFormat> ReadSignatures(const json& root, size_t manifest_bytes) {
  const auto signatures = root.find("signatures");
  if (signatures == root.end()) {
    return Invalid("missing signature key");
  }
  if (!signatures->is_array()) {
    return Invalid("error unmarshalling signatures: not an array");
  }
  std::optional<PayloadFormat> common;
  for (const json& signature : *signatures) {
    ASSIGN_OR_RETURN(PayloadFormat format, ReadSignature(signature, manifest_bytes));
    if (common.has_value() && common->length != format.length) {
      return Invalid("conflicting format length");
    }
    if (common.has_value() && common->tail != format.tail) {
      return Invalid("conflicting format tail");
    }
    common = std::move(format);
  }
  // An empty list signs nothing, and Skopeo takes the digest of that.
  return common.value_or(PayloadFormat());
}

}  // namespace

absl::StatusOr<Digest> ManifestDigest(absl::string_view manifest) {
  ASSIGN_OR_RETURN(const std::string payload, ManifestPayload(manifest));
  return Digest::Sha256Of(payload);
}

absl::StatusOr<std::string> ManifestPayload(absl::string_view manifest) {
  const json root = ParseAscii(manifest);
  if (!IsSigned(root)) {
    return std::string(manifest);
  }
  ASSIGN_OR_RETURN(const PayloadFormat format, ReadSignatures(root, manifest.size()));
  return absl::StrCat(manifest.substr(0, format.length), format.tail);
}

}  // namespace holkas
