#include "worker/crypt/pgp_algorithms.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include "absl/status/status.h"

namespace holkas {
namespace {

const EVP_CIPHER* CfbFor(absl::string_view key) {
  switch (key.size()) {
    case 16:
      return EVP_aes_128_cfb128();
    case 24:
      return EVP_aes_192_cfb128();
    case 32:
      return EVP_aes_256_cfb128();
    default:
      return nullptr;
  }
}

absl::StatusOr<std::string> RunCfb(absl::string_view key, absl::string_view iv,
                                   absl::string_view input, bool encrypt) {
  const EVP_CIPHER* algorithm = CfbFor(key);
  if (algorithm == nullptr || iv.size() != kPgpBlockBytes) {
    return absl::InvalidArgumentError("OpenPGP: a key or first block of a wrong size");
  }
  const UniqueCipher cipher(EVP_CIPHER_CTX_new());
  std::string output(input.size() + kPgpBlockBytes, '\0');
  int count = 0;
  if (cipher == nullptr ||
      EVP_CipherInit_ex(cipher.get(), algorithm, nullptr, Bytes(key.data()), Bytes(iv.data()),
                        encrypt ? 1 : 0) != 1 ||
      EVP_CipherUpdate(cipher.get(), Bytes(output.data()), &count, Bytes(input.data()),
                       static_cast<int>(input.size())) != 1) {
    ERR_clear_error();
    return absl::InternalError("OpenPGP: AES failed");
  }
  output.resize(static_cast<size_t>(count));
  return output;
}

}  // namespace

size_t PgpKeyBytes(int cipher) {
  return cipher == 7 ? 16 : cipher == 8 ? 24 : cipher == 9 ? 32 : 0;
}

const EVP_MD* PgpHash(int hash) {
  switch (hash) {
    case 2:
      return EVP_sha1();
    case 8:
      return EVP_sha256();
    case 9:
      return EVP_sha384();
    case 10:
      return EVP_sha512();
    case 11:
      return EVP_sha224();
    default:
      return nullptr;
  }
}

absl::StatusOr<std::string> PgpSha1(absl::string_view text) {
  std::string digest(kPgpSha1Bytes, '\0');
  if (EVP_Digest(text.data(), text.size(), Bytes(digest.data()), nullptr, EVP_sha1(), nullptr) !=
      1) {
    ERR_clear_error();
    return absl::InternalError("OpenPGP: SHA-1 failed");
  }
  return digest;
}

absl::StatusOr<std::string> EncryptPgpCfb(absl::string_view key, absl::string_view iv,
                                          absl::string_view plain) {
  return RunCfb(key, iv, plain, true);
}

absl::StatusOr<std::string> DecryptPgpCfb(absl::string_view key, absl::string_view iv,
                                          absl::string_view encrypted) {
  return RunCfb(key, iv, encrypted, false);
}

absl::StatusOr<std::string> PgpRandom(size_t size) {
  std::string bytes(size, '\0');
  if (RAND_priv_bytes(Bytes(bytes.data()), static_cast<int>(size)) != 1) {
    return absl::InternalError("encrypt a key: no randomness");
  }
  return bytes;
}

}  // namespace holkas
