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
#include "worker/crypt/pgp_key_file.h"
#include "worker/crypt/pgp_message.h"
#include "worker/crypt/pgp_packets.h"

namespace holkas {
namespace {

absl::Status Unsuitable(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "KEY_UNSUITABLE", why);
}

// What the caller can open something with.
struct PrivateKeys {
  bool empty() const { return ordinary.empty() && pgp.empty(); }

  // For what JWE and CMS wrap.
  std::vector<UniquePkey> ordinary;
  std::vector<PgpDecryptionKey> pgp;
};

// What `request` has beside private keys, such as certificates, is left out.
absl::StatusOr<PrivateKeys> ParseKeys(const broker::UnwrapRequest& request) {
  PrivateKeys keys;
  for (const v1::DecryptionKey& file : request.keys()) {
    if (IsPgp(file.key())) {
      for (PgpKey& key : ParsePgpSecretKeys(file.key())) {
        keys.pgp.push_back({std::move(key), file.password()});
      }
      continue;
    }
    absl::StatusOr<UniquePkey> key = ParsePrivateKey(file.key(), file.password());
    RETURN_IF_ERROR(WithContext(key.status(), "Invalid decryption keys"));
    if (*key != nullptr) {
      keys.ordinary.push_back(*std::move(key));
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

absl::StatusOr<LayerSecret> OpenAny(const broker::WrappedKeys& wrapped, const PrivateKeys& keys) {
  for (const std::string& jwe : wrapped.jwe()) {
    absl::StatusOr<LayerSecret> secret = Open(jwe, keys.ordinary, &DecryptJwe);
    if (secret.ok()) {
      return secret;
    }
  }
  for (const std::string& cms : wrapped.pkcs7()) {
    absl::StatusOr<LayerSecret> secret = Open(cms, keys.ordinary, &DecryptCms);
    if (secret.ok()) {
      return secret;
    }
  }
  PgpOpener opener(keys.pgp);
  absl::Status password_failure;
  for (const std::string& pgp : wrapped.pgp()) {
    const absl::StatusOr<std::string> json = opener.Open(pgp);
    absl::StatusOr<LayerSecret> secret = json.ok() ? ParseLayerSecret(*json) : json.status();
    if (secret.ok()) {
      return secret;
    }
    if (!ErrorReason(json.status()).empty()) {
      password_failure = WithContext(json.status(), "Invalid decryption keys");
    }
  }
  RETURN_IF_ERROR(password_failure);
  return Unsuitable(
      "no suitable key unwrapper found or none of the private keys could be used for decryption");
}

}  // namespace

absl::StatusOr<broker::LayerKey> UnwrapLayerKey(const broker::UnwrapRequest& request) {
  const broker::WrappedKeys& wrapped = request.wrapped();
  const int count = wrapped.jwe_size() + wrapped.pkcs7_size() + wrapped.pgp_size();
  if (static_cast<size_t>(count) > kMaxWrappedKeys) {
    return Unsuitable("too many wrapped keys");
  }
  ASSIGN_OR_RETURN(const PrivateKeys keys, ParseKeys(request));
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
