#include "worker/crypt/encryption_annotations.h"

#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/layer_cipher.h"
#include "worker/crypt/strict_base64.h"
#include "worker/image/json_fields.h"
#include "worker/image/json_value.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

constexpr absl::string_view kKeysPrefix = "org.opencontainers.image.enc.keys.";
constexpr absl::string_view kPublicOptions = "org.opencontainers.image.enc.pubopts";
constexpr absl::string_view kJwe = "jwe";
constexpr absl::string_view kPkcs7 = "pkcs7";
constexpr absl::string_view kPgp = "pgp";
constexpr absl::string_view kCipher = "AES_256_CTR_HMAC_SHA256";

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("annotations of an encrypted layer: ", why));
}

// Each is base64, and a comma between them.
absl::StatusOr<std::vector<std::string>> ParseWrappedKeys(absl::string_view text) {
  std::vector<std::string> keys;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    ASSIGN_OR_RETURN(std::string key, DecodeBase64(part));
    if (key.empty()) {
      return Malformed("an empty wrapped key");
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

std::string WriteWrappedKeys(const std::vector<std::string>& keys) {
  return absl::StrJoin(keys, ",", [](std::string* out, const std::string& key) {
    absl::StrAppend(out, absl::Base64Escape(key));
  });
}

// The HMAC in the public options.
absl::StatusOr<std::string> ParsePublicOptions(absl::string_view text) {
  ASSIGN_OR_RETURN(const std::string json, DecodeBase64(text));
  ASSIGN_OR_RETURN(const JsonValue root, ParseStrictJson(json));
  if (root.object() == nullptr) {
    return Malformed("public options that are no object");
  }
  RETURN_IF_ERROR(CheckKeyCase(root, {"cipher", "hmac", "cipheroptions"}));
  ASSIGN_OR_RETURN(const std::string cipher, GetString(root, "cipher"));
  if (cipher != kCipher) {
    return absl::UnimplementedError(absl::StrCat("a layer that is encrypted with ", cipher));
  }
  ASSIGN_OR_RETURN(const std::string hmac_text, GetString(root, "hmac"));
  ASSIGN_OR_RETURN(std::string hmac, DecodeBase64(hmac_text));
  if (hmac.size() != LayerCipher::kHmacBytes) {
    return Malformed("an HMAC of a wrong size");
  }
  return hmac;
}

absl::Status CheckSizes(const EncryptionAnnotations& encryption) {
  size_t bytes = 0;
  size_t count = 0;
  for (const auto* keys : {&encryption.jwe, &encryption.pkcs7, &encryption.pgp}) {
    count += keys->size();
    for (const std::string& key : *keys) {
      bytes += key.size();
    }
  }
  if (bytes > kMaxWrappedKeyBytes || count > kMaxWrappedKeys) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("a layer's wrapped keys are more than ", kMaxWrappedKeys,
                                  " or have more than ", kMaxWrappedKeyBytes, " bytes in all"));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsEncryptedLayerType(absl::string_view media_type) {
  return absl::EndsWith(media_type, kEncryptedSuffix);
}

std::string EncryptedLayerType(absl::string_view media_type) {
  return absl::StrCat(media_type, kEncryptedSuffix);
}

std::string PlainLayerType(absl::string_view media_type) {
  return std::string(absl::StripSuffix(media_type, kEncryptedSuffix));
}

absl::StatusOr<EncryptionAnnotations> ParseEncryptionAnnotations(
    const std::map<std::string, std::string>& annotations) {
  EncryptionAnnotations encryption;
  for (const auto& [name, value] : annotations) {
    absl::string_view scheme = name;
    if (!absl::ConsumePrefix(&scheme, kKeysPrefix)) {
      continue;
    }
    if (scheme == kJwe) {
      ASSIGN_OR_RETURN(encryption.jwe, ParseWrappedKeys(value));
    } else if (scheme == kPkcs7) {
      ASSIGN_OR_RETURN(encryption.pkcs7, ParseWrappedKeys(value));
    } else if (scheme == kPgp) {
      ASSIGN_OR_RETURN(encryption.pgp, ParseWrappedKeys(value));
    } else {
      encryption.unread_schemes.emplace_back(scheme);
    }
  }
  RETURN_IF_ERROR(CheckSizes(encryption));
  const auto options = annotations.find(std::string(kPublicOptions));
  if (options == annotations.end()) {
    return Malformed("no public options");
  }
  ASSIGN_OR_RETURN(encryption.hmac, ParsePublicOptions(options->second));
  return encryption;
}

std::map<std::string, std::string> WriteEncryptionAnnotations(
    const EncryptionAnnotations& encryption) {
  std::map<std::string, std::string> annotations;
  if (!encryption.jwe.empty()) {
    annotations[absl::StrCat(kKeysPrefix, kJwe)] = WriteWrappedKeys(encryption.jwe);
  }
  if (!encryption.pkcs7.empty()) {
    annotations[absl::StrCat(kKeysPrefix, kPkcs7)] = WriteWrappedKeys(encryption.pkcs7);
  }
  if (!encryption.pgp.empty()) {
    annotations[absl::StrCat(kKeysPrefix, kPgp)] = WriteWrappedKeys(encryption.pgp);
  }
  const std::string options =
      JsonValue(JsonObject{{"cipher", JsonValue(kCipher)},
                           {"hmac", JsonValue(absl::Base64Escape(encryption.hmac))},
                           {"cipheroptions", JsonValue(JsonObject())}})
          .Write();
  annotations[std::string(kPublicOptions)] = absl::Base64Escape(options);
  return annotations;
}

}  // namespace holkas
