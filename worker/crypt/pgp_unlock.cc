#include "worker/crypt/pgp_unlock.h"

#include <openssl/core_names.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/wipe.h"
#include "worker/crypt/build_pkey.h"
#include "worker/crypt/pgp_algorithms.h"
#include "worker/crypt/pgp_curve.h"
#include "worker/crypt/pgp_fields.h"
#include "worker/crypt/pgp_password.h"

namespace holkas {
namespace {

// How a secret key is kept: openly, or under a cipher with a sum behind it, of SHA-1 or not.
constexpr uint32_t kOpen = 0;
constexpr uint32_t kCheckedBySha1 = 254;
constexpr uint32_t kCheckedBySum = 255;

absl::Status NoSecret(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("OpenPGP secret key: ", why));
}

// The numbers of the secret key, without the sum behind them; empty where the sum is another.
absl::StatusOr<std::string> CheckSum(absl::string_view secret, bool by_sha1) {
  const size_t size = by_sha1 ? kPgpSha1Bytes : kPgpSumBytes;
  if (secret.size() <= size) {
    return std::string();
  }
  const absl::string_view numbers = secret.substr(0, secret.size() - size);
  ASSIGN_OR_RETURN(const std::string sum, by_sha1 ? PgpSha1(numbers) : WritePgpSum(numbers));
  return sum == secret.substr(numbers.size()) ? std::string(numbers) : std::string();
}

absl::StatusOr<std::string> Unlock(PgpReader reader, absl::string_view password, bool by_sha1) {
  ASSIGN_OR_RETURN(const uint32_t cipher, reader.ReadNumber(1));
  ASSIGN_OR_RETURN(const PgpPasswordHash how, ReadPgpPasswordHash(reader));
  const size_t key_bytes = PgpKeyBytes(static_cast<int>(cipher));
  if (key_bytes == 0) {
    return NoSecret(absl::StrCat("locked with cipher ", cipher));
  }
  ASSIGN_OR_RETURN(const absl::string_view iv, reader.ReadBytes(kPgpBlockBytes));
  if (password.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PASSWORD_MISSING",
                     "Missing password for encrypted private key");
  }
  ASSIGN_OR_RETURN(std::string key, HashPgpPassword(how, password, key_bytes));
  const WipedAtEnd key_wiped(key);
  ASSIGN_OR_RETURN(std::string secret, DecryptPgpCfb(key, iv, reader.rest()));
  const WipedAtEnd secret_wiped(secret);
  ASSIGN_OR_RETURN(std::string numbers, CheckSum(secret, by_sha1));
  if (numbers.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PASSWORD_WRONG",
                     "Wrong password: could not decrypt private key");
  }
  return numbers;
}

// The numbers of the secret key, as in a packet.
absl::StatusOr<std::string> NumbersOf(const PgpKey& key, absl::string_view password) {
  PgpReader reader(key.secret);
  ASSIGN_OR_RETURN(const uint32_t kept, reader.ReadNumber(1));
  if (kept == kCheckedBySha1 || kept == kCheckedBySum) {
    return Unlock(reader, password, kept == kCheckedBySha1);
  }
  std::string numbers;
  if (kept == kOpen) {
    ASSIGN_OR_RETURN(numbers, CheckSum(reader.rest(), /*by_sha1=*/false));
  }
  if (numbers.empty()) {
    return NoSecret("malformed, or locked in a way that is not here");
  }
  return numbers;
}

// Null where the key has no such number.
UniqueBignum NumberOf(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  return UniqueBignum(number);
}

absl::StatusOr<UniquePkey> AddPrivateExponent(const EVP_PKEY* public_key, absl::string_view d) {
  const UniqueBignum numbers[] = {NumberOf(public_key, OSSL_PKEY_PARAM_RSA_N),
                                  NumberOf(public_key, OSSL_PKEY_PARAM_RSA_E), ToBignum(d)};
  return BuildRsa(numbers);
}

}  // namespace

absl::StatusOr<UniquePkey> UnlockPgpKey(const PgpKey& key, absl::string_view password) {
  ASSIGN_OR_RETURN(std::string numbers, NumbersOf(key, password));
  const WipedAtEnd numbers_wiped(numbers);
  PgpReader reader(numbers);
  // RSA's private exponent, with the factors behind it, or the number of ECDH.
  ASSIGN_OR_RETURN(const absl::string_view secret, reader.ReadMpi());
  if (key.algorithm == kPgpEcdh) {
    return PgpPrivateNumber(key.curve, key.point, secret);
  }
  return AddPrivateExponent(key.public_key.get(), secret);
}

}  // namespace holkas
