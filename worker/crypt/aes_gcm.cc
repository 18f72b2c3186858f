#include "worker/crypt/aes_gcm.h"

#include "absl/status/status.h"
#include "worker/crypt/openssl_pointers.h"

namespace holkas {
namespace {

// A wrapped key has some hundred bytes.
constexpr size_t kMaxMessageBytes = 1 << 20;

const EVP_CIPHER* CipherFor(absl::string_view key) {
  switch (key.size()) {
    case 16:
      return EVP_aes_128_gcm();
    case 24:
      return EVP_aes_192_gcm();
    case 32:
      return EVP_aes_256_gcm();
    default:
      return nullptr;
  }
}

absl::Status WrongSize() { return absl::InvalidArgumentError("AES-GCM: a wrong size"); }

}  // namespace

absl::StatusOr<std::string> SealAesGcm(absl::string_view key, absl::string_view nonce,
                                       absl::string_view aad, absl::string_view message) {
  if (CipherFor(key) == nullptr || nonce.size() != kGcmNonceBytes ||
      aad.size() > kMaxMessageBytes || message.size() > kMaxMessageBytes) {
    return WrongSize();
  }
  const UniqueCipher cipher(EVP_CIPHER_CTX_new());
  std::string sealed(message.size() + kGcmTagBytes, '\0');
  int count = 0;
  int last = 0;
  if (EVP_EncryptInit_ex(cipher.get(), CipherFor(key), nullptr, Bytes(key.data()),
                         Bytes(nonce.data())) != 1 ||
      EVP_EncryptUpdate(cipher.get(), nullptr, &count, Bytes(aad.data()),
                        static_cast<int>(aad.size())) != 1 ||
      EVP_EncryptUpdate(cipher.get(), Bytes(sealed.data()), &count, Bytes(message.data()),
                        static_cast<int>(message.size())) != 1 ||
      EVP_EncryptFinal_ex(cipher.get(), Bytes(sealed.data()) + count, &last) != 1 ||
      count + last != static_cast<int>(message.size()) ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTagBytes,
                          sealed.data() + message.size()) != 1) {
    return absl::InternalError("AES-GCM failed");
  }
  return sealed;
}

absl::StatusOr<std::string> OpenAesGcm(absl::string_view key, absl::string_view nonce,
                                       absl::string_view aad, absl::string_view sealed) {
  if (CipherFor(key) == nullptr || nonce.size() != kGcmNonceBytes ||
      aad.size() > kMaxMessageBytes || sealed.size() < kGcmTagBytes ||
      sealed.size() > kMaxMessageBytes) {
    return WrongSize();
  }
  const absl::string_view encrypted = sealed.substr(0, sealed.size() - kGcmTagBytes);
  std::string tag(sealed.substr(encrypted.size()));
  const UniqueCipher cipher(EVP_CIPHER_CTX_new());
  std::string message(encrypted.size(), '\0');
  int count = 0;
  int last = 0;
  if (EVP_DecryptInit_ex(cipher.get(), CipherFor(key), nullptr, Bytes(key.data()),
                         Bytes(nonce.data())) != 1 ||
      EVP_DecryptUpdate(cipher.get(), nullptr, &count, Bytes(aad.data()),
                        static_cast<int>(aad.size())) != 1 ||
      EVP_DecryptUpdate(cipher.get(), Bytes(message.data()), &count, Bytes(encrypted.data()),
                        static_cast<int>(encrypted.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kGcmTagBytes, tag.data()) != 1 ||
      EVP_DecryptFinal_ex(cipher.get(), Bytes(message.data()) + count, &last) != 1) {
    return absl::InvalidArgumentError("AES-GCM: the tag is another");
  }
  return message;
}

}  // namespace holkas
