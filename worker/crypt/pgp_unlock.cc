#include "worker/crypt/pgp_unlock.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/build_pkey.h"
#include "worker/crypt/pgp_algorithms.h"
#include "worker/crypt/pgp_curve.h"
#include "worker/crypt/pgp_fields.h"

namespace holkas {
namespace {

// How a secret key is kept: openly, or under a cipher with a sum behind it, of SHA-1 or not.
constexpr uint32_t kOpen = 0;
constexpr uint32_t kCheckedBySha1 = 254;
constexpr uint32_t kCheckedBySum = 255;
// How a password becomes a key.
constexpr uint32_t kSimple = 0;
constexpr uint32_t kSalted = 1;
constexpr uint32_t kIterated = 3;
constexpr size_t kSaltBytes = 8;
constexpr size_t kHashedAtOnceBytes = 4096;

using UniqueHash = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;

absl::Status NoSecret(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("OpenPGP secret key: ", why));
}

// What makes a key of a password ("string to key").
struct PasswordHash {
  const EVP_MD* hash = nullptr;
  std::string salt;
  // How many bytes are hashed at least: salt and password, again and again.
  size_t count = 0;
};

absl::StatusOr<PasswordHash> ReadPasswordHash(PgpReader& reader) {
  PasswordHash made;
  ASSIGN_OR_RETURN(const uint32_t kind, reader.ReadNumber(1));
  ASSIGN_OR_RETURN(const uint32_t hash, reader.ReadNumber(1));
  made.hash = PgpHash(static_cast<int>(hash));
  if (made.hash == nullptr || (kind != kSimple && kind != kSalted && kind != kIterated)) {
    return NoSecret("none, or one that is locked in a way that is not here");
  }
  if (kind != kSimple) {
    ASSIGN_OR_RETURN(const absl::string_view salt, reader.ReadBytes(kSaltBytes));
    made.salt = std::string(salt);
  }
  if (kind == kIterated) {
    ASSIGN_OR_RETURN(const uint32_t coded, reader.ReadNumber(1));
    made.count = size_t{16 + (coded & 15)} << ((coded >> 4) + 6);
  }
  return made;
}

// One hash, which `zeros` make another than the ones before. The password is not empty.
absl::StatusOr<std::string> HashPassword(const PasswordHash& how, absl::string_view password,
                                         size_t zeros) {
  std::string repeated = absl::StrCat(how.salt, password);
  size_t left = std::max(how.count, repeated.size());
  for (const std::string once = repeated; repeated.size() < kHashedAtOnceBytes;) {
    repeated += once;
  }
  const UniqueHash context(EVP_MD_CTX_new());
  const std::string prefix(zeros, '\0');
  bool hashed = context != nullptr && EVP_DigestInit_ex(context.get(), how.hash, nullptr) == 1 &&
                EVP_DigestUpdate(context.get(), prefix.data(), prefix.size()) == 1;
  while (hashed && left > 0) {
    const size_t size = std::min(left, repeated.size());
    hashed = EVP_DigestUpdate(context.get(), repeated.data(), size) == 1;
    left -= size;
  }
  std::string digest(static_cast<size_t>(EVP_MD_get_size(how.hash)), '\0');
  if (!hashed || EVP_DigestFinal_ex(context.get(), Bytes(digest.data()), nullptr) != 1) {
    ERR_clear_error();
    return absl::InternalError("hash a password: OpenSSL failed");
  }
  return digest;
}

absl::StatusOr<std::string> KeyFromPassword(const PasswordHash& how, absl::string_view password,
                                            size_t size) {
  std::string key;
  for (size_t zeros = 0; key.size() < size; ++zeros) {
    ASSIGN_OR_RETURN(const std::string hash, HashPassword(how, password, zeros));
    key += hash;
  }
  key.resize(size);
  return key;
}

// The numbers of the secret key, without the sum behind them; empty where the sum is another.
absl::StatusOr<std::string> CheckSum(std::string secret, bool by_sha1) {
  const size_t size = by_sha1 ? kPgpSha1Bytes : kPgpSumBytes;
  if (secret.size() <= size) {
    return "";
  }
  const std::string kept = secret.substr(secret.size() - size);
  secret.resize(secret.size() - size);
  ASSIGN_OR_RETURN(const std::string sum, by_sha1 ? PgpSha1(secret) : WritePgpSum(secret));
  return sum == kept ? secret : "";
}

absl::StatusOr<std::string> Unlock(PgpReader reader, absl::string_view password, bool by_sha1) {
  ASSIGN_OR_RETURN(const uint32_t cipher, reader.ReadNumber(1));
  ASSIGN_OR_RETURN(const PasswordHash how, ReadPasswordHash(reader));
  const size_t key_bytes = PgpKeyBytes(static_cast<int>(cipher));
  if (key_bytes == 0) {
    return NoSecret(absl::StrCat("locked with cipher ", cipher));
  }
  ASSIGN_OR_RETURN(const absl::string_view iv, reader.ReadBytes(kPgpBlockBytes));
  if (password.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PASSWORD_MISSING",
                     "Missing password for encrypted private key");
  }
  ASSIGN_OR_RETURN(const std::string key, KeyFromPassword(how, password, key_bytes));
  ASSIGN_OR_RETURN(std::string secret, DecryptPgpCfb(key, iv, reader.rest()));
  ASSIGN_OR_RETURN(secret, CheckSum(std::move(secret), by_sha1));
  if (secret.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PASSWORD_WRONG",
                     "Wrong password: could not decrypt private key");
  }
  return secret;
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
    ASSIGN_OR_RETURN(numbers, CheckSum(std::string(reader.rest()), /*by_sha1=*/false));
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
  ASSIGN_OR_RETURN(const std::string numbers, NumbersOf(key, password));
  PgpReader reader(numbers);
  // RSA's private exponent, with the factors behind it, or the number of ECDH.
  ASSIGN_OR_RETURN(const absl::string_view secret, reader.ReadMpi());
  if (key.algorithm == kPgpEcdh) {
    return PgpPrivateNumber(key.curve, key.point, secret);
  }
  return AddPrivateExponent(key.public_key.get(), secret);
}

}  // namespace holkas
