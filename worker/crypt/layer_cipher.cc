#include "worker/crypt/layer_cipher.h"

#include <openssl/core_names.h>

#include <algorithm>

#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// OpenSSL takes an int.
constexpr size_t kMaxStepBytes = 1 << 30;

absl::StatusOr<UniqueMacContext> NewMac(const LayerKey& key) {
  const UniqueMac hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  UniqueMacContext context(EVP_MAC_CTX_new(hmac.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  if (context == nullptr ||
      EVP_MAC_init(context.get(), Bytes(key.key.data()), key.key.size(), params) != 1) {
    return absl::InternalError("HMAC-SHA256 does not start");
  }
  return context;
}

}  // namespace

absl::StatusOr<LayerCipher> LayerCipher::New(const LayerKey& key) {
  if (key.key.size() != LayerKey::kKeyBytes || key.nonce.size() != LayerKey::kNonceBytes) {
    return absl::InvalidArgumentError("a layer's key or nonce has a wrong size");
  }
  ASSIGN_OR_RETURN(UniqueMacContext mac, NewMac(key));
  // In counter mode, encrypting and decrypting are the same.
  UniqueCipher cipher(EVP_CIPHER_CTX_new());
  if (cipher == nullptr ||
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_ctr(), nullptr, Bytes(key.key.data()),
                         Bytes(key.nonce.data())) != 1) {
    return absl::InternalError("AES-256 does not start");
  }
  return LayerCipher(std::move(cipher), std::move(mac));
}

absl::Status LayerCipher::Encrypt(absl::string_view plain, char* to) {
  RETURN_IF_ERROR(Apply(plain, to));
  return AddToHmac(absl::string_view(to, plain.size()));
}

absl::Status LayerCipher::Decrypt(absl::string_view encrypted, char* to) {
  RETURN_IF_ERROR(AddToHmac(encrypted));
  return Apply(encrypted, to);
}

absl::Status LayerCipher::Apply(absl::string_view from, char* to) {
  while (!from.empty()) {
    const size_t step = std::min(from.size(), kMaxStepBytes);
    int count = 0;
    if (EVP_EncryptUpdate(cipher_.get(), Bytes(to), &count, Bytes(from.data()),
                          static_cast<int>(step)) != 1 ||
        static_cast<size_t>(count) != step) {
      return absl::InternalError("AES-256 failed");
    }
    from.remove_prefix(step);
    to += step;
  }
  return absl::OkStatus();
}

absl::Status LayerCipher::AddToHmac(absl::string_view encrypted) {
  return EVP_MAC_update(mac_.get(), Bytes(encrypted.data()), encrypted.size()) == 1
             ? absl::OkStatus()
             : absl::InternalError("HMAC-SHA256 failed");
}

absl::StatusOr<std::string> LayerCipher::FinishHmac() {
  std::string hmac(kHmacBytes, '\0');
  size_t size = 0;
  if (EVP_MAC_final(mac_.get(), Bytes(hmac.data()), &size, hmac.size()) != 1 ||
      size != kHmacBytes) {
    return absl::InternalError("HMAC-SHA256 does not end");
  }
  return hmac;
}

}  // namespace holkas
