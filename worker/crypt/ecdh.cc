#include "worker/crypt/ecdh.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

// The largest key that is wrapped here, twice over.
constexpr size_t kMaxWrappedBytes = 64;
constexpr size_t kWrapBlockBytes = 8;

// OpenSSL's name of the key's curve; empty where it has none.
std::string CurveOf(const EVP_PKEY* key) {
  std::array<char, 64> name;
  size_t size = 0;
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(),
                                     &size) != 1) {
    ERR_clear_error();
    return "";
  }
  return std::string(name.data(), size);
}

// Four bytes, the first of them the highest.
std::string BigEndian(size_t number) {
  return {static_cast<char>(number >> 24), static_cast<char>(number >> 16),
          static_cast<char>(number >> 8), static_cast<char>(number)};
}

std::string WithLength(absl::string_view data) {
  return absl::StrCat(BigEndian(data.size()), data);
}

const EVP_CIPHER* WrapFor(absl::string_view kek) {
  switch (kek.size()) {
    case 16:
      return EVP_aes_128_wrap();
    case 24:
      return EVP_aes_192_wrap();
    case 32:
      return EVP_aes_256_wrap();
    default:
      return nullptr;
  }
}

absl::StatusOr<std::string> RunWrap(absl::string_view kek, absl::string_view input, bool wrap) {
  const UniqueCipher cipher(EVP_CIPHER_CTX_new());
  if (WrapFor(kek) == nullptr || input.empty() || input.size() > kMaxWrappedBytes ||
      input.size() % kWrapBlockBytes != 0) {
    return absl::InvalidArgumentError("AES Key Wrap: a wrong size");
  }
  EVP_CIPHER_CTX_set_flags(cipher.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  std::string output(input.size() + 2 * kWrapBlockBytes, '\0');
  int count = 0;
  if (EVP_CipherInit_ex(cipher.get(), WrapFor(kek), nullptr, Bytes(kek.data()), nullptr,
                        wrap ? 1 : 0) != 1 ||
      EVP_CipherUpdate(cipher.get(), Bytes(output.data()), &count, Bytes(input.data()),
                       static_cast<int>(input.size())) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("AES Key Wrap: not for this key");
  }
  output.resize(static_cast<size_t>(count));
  return output;
}

}  // namespace

bool IsOnNistCurve(const EVP_PKEY* key) {
  const std::string curve = EVP_PKEY_is_a(key, "EC") == 1 ? CurveOf(key) : "";
  return curve == "prime256v1" || curve == "secp384r1" || curve == "secp521r1";
}

absl::StatusOr<UniquePkey> NewEphemeralKey(const EVP_PKEY* key) {
  UniquePkey ephemeral(EVP_EC_gen(CurveOf(key).c_str()));
  if (ephemeral == nullptr) {
    return absl::InternalError("make a key pair: OpenSSL failed");
  }
  return ephemeral;
}

absl::StatusOr<std::string> AgreeOnSecret(EVP_PKEY* own_private, EVP_PKEY* their_public) {
  const UniquePkeyContext context(EVP_PKEY_CTX_new(own_private, nullptr));
  size_t size = 0;
  if (context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), their_public) != 1 ||
      EVP_PKEY_derive(context.get(), nullptr, &size) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("ECDH: the keys do not go together");
  }
  std::string secret(size, '\0');
  if (EVP_PKEY_derive(context.get(), Bytes(secret.data()), &size) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("ECDH: the keys do not go together");
  }
  secret.resize(size);
  return secret;
}

std::string ConcatKdf(absl::string_view secret, absl::string_view algorithm, absl::string_view apu,
                      absl::string_view apv, size_t size) {
  // One round gives 32 bytes: enough for every key here.
  const std::string input = absl::StrCat(BigEndian(1), secret, WithLength(algorithm),
                                         WithLength(apu), WithLength(apv), BigEndian(size * 8));
  std::string key(SHA256_DIGEST_LENGTH, '\0');
  SHA256(Bytes(input.data()), input.size(), Bytes(key.data()));
  key.resize(size);
  return key;
}

absl::StatusOr<std::string> AesWrap(absl::string_view kek, absl::string_view key) {
  return RunWrap(kek, key, true);
}

absl::StatusOr<std::string> AesUnwrap(absl::string_view kek, absl::string_view wrapped) {
  return RunWrap(kek, wrapped, false);
}

}  // namespace holkas
