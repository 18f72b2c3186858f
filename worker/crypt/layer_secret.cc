#include "worker/crypt/layer_secret.h"

#include <openssl/rand.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/openssl_pointers.h"
#include "worker/crypt/strict_base64.h"
#include "worker/image/json_fields.h"
#include "worker/image/json_value.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

absl::StatusOr<std::string> GetBytes(const JsonValue& object, absl::string_view key, size_t size) {
  ASSIGN_OR_RETURN(const std::string text, GetString(object, key));
  ASSIGN_OR_RETURN(std::string bytes, DecodeBase64(text));
  if (bytes.size() != size) {
    return absl::InvalidArgumentError(
        absl::StrCat(key, " has ", bytes.size(), " bytes instead of ", size));
  }
  return bytes;
}

}  // namespace

absl::StatusOr<LayerKey> LayerKey::New() {
  LayerKey key;
  key.key.resize(kKeyBytes);
  key.nonce.resize(kNonceBytes);
  if (RAND_priv_bytes(Bytes(key.key.data()), kKeyBytes) != 1 ||
      RAND_bytes(Bytes(key.nonce.data()), kNonceBytes) != 1) {
    return absl::InternalError("make a layer's key: no randomness");
  }
  return key;
}

std::string WriteLayerSecret(const LayerSecret& secret) {
  return JsonValue(JsonObject{{"symkey", JsonValue(absl::Base64Escape(secret.key.key))},
                              {"digest", JsonValue(secret.plain_digest.ToString())},
                              {"cipheroptions",
                               JsonValue(JsonObject{
                                   {"nonce", JsonValue(absl::Base64Escape(secret.key.nonce))}})}})
      .Write();
}

absl::StatusOr<LayerSecret> ParseLayerSecret(absl::string_view json) {
  ASSIGN_OR_RETURN(const JsonValue root, ParseStrictJson(json));
  if (root.object() == nullptr) {
    return absl::InvalidArgumentError("not a JSON object");
  }
  RETURN_IF_ERROR(CheckKeyCase(root, {"symkey", "digest", "cipheroptions"}));
  LayerKey key;
  ASSIGN_OR_RETURN(key.key, GetBytes(root, "symkey", LayerKey::kKeyBytes));
  const JsonValue* options = FindField(root, "cipheroptions");
  if (options == nullptr || options->object() == nullptr) {
    return absl::InvalidArgumentError("no cipheroptions");
  }
  ASSIGN_OR_RETURN(key.nonce, GetBytes(*options, "nonce", LayerKey::kNonceBytes));
  ASSIGN_OR_RETURN(const std::string digest, GetString(root, "digest"));
  ASSIGN_OR_RETURN(Digest plain_digest, Digest::Parse(digest));
  return LayerSecret{std::move(key), std::move(plain_digest)};
}

}  // namespace holkas
