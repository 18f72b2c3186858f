#include "worker/crypt/rsa.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "absl/status/status.h"

namespace holkas {
namespace {

bool SetPadding(EVP_PKEY_CTX* context, RsaPadding padding) {
  if (padding == RsaPadding::kPkcs1) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  }
  const EVP_MD* hash = padding == RsaPadding::kOaepSha1 ? EVP_sha1() : EVP_sha256();
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(context, hash) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash) == 1;
}

// What EVP_PKEY_encrypt and EVP_PKEY_decrypt have in common.
using Operation = int (*)(EVP_PKEY_CTX*, unsigned char*, size_t*, const unsigned char*, size_t);

absl::StatusOr<std::string> Run(EVP_PKEY_CTX* context, Operation operation,
                                absl::string_view input) {
  size_t size = 0;
  if (operation(context, nullptr, &size, Bytes(input.data()), input.size()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("RSA: a wrong size");
  }
  std::string output(size, '\0');
  if (operation(context, Bytes(output.data()), &size, Bytes(input.data()), input.size()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("RSA: not for this key");
  }
  output.resize(size);
  return output;
}

}  // namespace

bool IsRsa(const EVP_PKEY* key) { return EVP_PKEY_is_a(key, "RSA") == 1; }

absl::StatusOr<std::string> RsaEncrypt(EVP_PKEY* key, RsaPadding padding,
                                       absl::string_view message) {
  const UniquePkeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  if (context == nullptr || EVP_PKEY_encrypt_init(context.get()) != 1 ||
      !SetPadding(context.get(), padding)) {
    ERR_clear_error();
    return absl::InternalError("RSA does not start");
  }
  return Run(context.get(), &EVP_PKEY_encrypt, message);
}

absl::StatusOr<std::string> RsaDecrypt(EVP_PKEY* key, RsaPadding padding,
                                       absl::string_view encrypted) {
  const UniquePkeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  if (context == nullptr || EVP_PKEY_decrypt_init(context.get()) != 1 ||
      !SetPadding(context.get(), padding)) {
    ERR_clear_error();
    return absl::InvalidArgumentError("RSA does not start");
  }
  return Run(context.get(), &EVP_PKEY_decrypt, encrypted);
}

}  // namespace holkas
