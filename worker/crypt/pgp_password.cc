#include "worker/crypt/pgp_password.h"

#include <openssl/err.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/wipe.h"
#include "worker/crypt/pgp_algorithms.h"

namespace holkas {
namespace {

constexpr uint32_t kSimple = 0;
constexpr uint32_t kSalted = 1;
constexpr uint32_t kIterated = 3;
constexpr size_t kSaltBytes = 8;
constexpr size_t kHashedAtOnceBytes = 4096;

using UniqueHash = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;

// One hash, which `zeros` make another than the ones before.
absl::StatusOr<std::string> HashOnce(const PgpPasswordHash& how, absl::string_view password,
                                     size_t zeros) {
  std::string repeated;
  const WipedAtEnd repeated_wiped(repeated);
  // All at once: what a string leaves when it grows is not overwritten.
  const size_t once = how.salt.size() + password.size();
  repeated.reserve(kHashedAtOnceBytes + once);
  do {
    absl::StrAppend(&repeated, how.salt, password);
  } while (once > 0 && repeated.size() < kHashedAtOnceBytes);
  size_t left = std::max(how.count, once);
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

}  // namespace

absl::StatusOr<PgpPasswordHash> ReadPgpPasswordHash(PgpReader& reader) {
  PgpPasswordHash made;
  ASSIGN_OR_RETURN(const uint32_t kind, reader.ReadNumber(1));
  ASSIGN_OR_RETURN(const uint32_t hash, reader.ReadNumber(1));
  made.hash = PgpHash(static_cast<int>(hash));
  if (made.hash == nullptr || (kind != kSimple && kind != kSalted && kind != kIterated)) {
    return absl::InvalidArgumentError(
        "OpenPGP secret key: none, or one that is locked in a way that is not here");
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

absl::StatusOr<std::string> HashPgpPassword(const PgpPasswordHash& how, absl::string_view password,
                                            size_t size) {
  std::string key;
  key.reserve(size + EVP_MAX_MD_SIZE);
  for (size_t zeros = 0; key.size() < size; ++zeros) {
    ASSIGN_OR_RETURN(std::string hash, HashOnce(how, password, zeros));
    const WipedAtEnd hash_wiped(hash);
    key += hash;
  }
  key.resize(size);
  return key;
}

}  // namespace holkas
