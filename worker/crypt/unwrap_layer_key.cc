#include "worker/crypt/unwrap_layer_key.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/cms_envelope.h"
#include "worker/crypt/encryption_annotations.h"
#include "worker/crypt/jwe.h"
#include "worker/crypt/key_file.h"
#include "worker/crypt/layer_secret.h"

namespace holkas {
namespace {

absl::Status Unsuitable(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "KEY_UNSUITABLE", why);
}

// What `request` has beside private keys, such as certificates, is left out.
absl::StatusOr<std::vector<UniquePkey>> ParseKeys(const broker::UnwrapRequest& request) {
  std::vector<UniquePkey> keys;
  for (const v1::DecryptionKey& file : request.keys()) {
    absl::StatusOr<UniquePkey> key = ParsePrivateKey(file.key(), file.password());
    RETURN_IF_ERROR(WithContext(key.status(), "Invalid decryption keys"));
    if (*key != nullptr) {
      keys.push_back(*std::move(key));
    }
  }
  return keys;
}

// One of two ways of unwrapping.
using Decrypt = absl::StatusOr<std::string> (*)(absl::string_view wrapped, EVP_PKEY* key);

absl::StatusOr<LayerSecret> Open(absl::string_view wrapped, const std::vector<UniquePkey>& keys,
                                 Decrypt decrypt) {
  for (const UniquePkey& key : keys) {
    const absl::StatusOr<std::string> json = decrypt(wrapped, key.get());
    if (json.ok()) {
      return ParseLayerSecret(*json);
    }
  }
  return absl::InvalidArgumentError("no key fits");
}

absl::StatusOr<LayerSecret> OpenAny(const broker::WrappedKeys& wrapped,
                                    const std::vector<UniquePkey>& keys) {
  for (const std::string& jwe : wrapped.jwe()) {
    absl::StatusOr<LayerSecret> secret = Open(jwe, keys, &DecryptJwe);
    if (secret.ok()) {
      return secret;
    }
  }
  for (const std::string& cms : wrapped.pkcs7()) {
    absl::StatusOr<LayerSecret> secret = Open(cms, keys, &DecryptCms);
    if (secret.ok()) {
      return secret;
    }
  }
  return Unsuitable(
      "no suitable key unwrapper found or none of the private keys could be used for decryption");
}

}  // namespace

absl::StatusOr<broker::LayerKey> UnwrapLayerKey(const broker::UnwrapRequest& request) {
  const broker::WrappedKeys& wrapped = request.wrapped();
  if (static_cast<size_t>(wrapped.jwe_size() + wrapped.pkcs7_size()) > kMaxWrappedKeys) {
    return Unsuitable("too many wrapped keys");
  }
  ASSIGN_OR_RETURN(const std::vector<UniquePkey> keys, ParseKeys(request));
  if (keys.empty()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "KEY_MISSING",
                     "missing private key needed for decryption");
  }
  ASSIGN_OR_RETURN(LayerSecret secret, OpenAny(wrapped, keys));
  broker::LayerKey key;
  key.set_key(std::move(secret.key.key));
  key.set_nonce(std::move(secret.key.nonce));
  key.set_plain_digest(secret.plain_digest.ToString());
  return key;
}

}  // namespace holkas
