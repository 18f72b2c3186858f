#include "worker/crypt/pgp_key.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/build_pkey.h"
#include "worker/crypt/pgp_algorithms.h"
#include "worker/crypt/pgp_curve.h"
#include "worker/crypt/pgp_fields.h"

namespace holkas {
namespace {

constexpr uint32_t kVersion = 4;
// Smaller ones are no protection; the largest is that of an integer.
constexpr size_t kMinRsaBytes = 1024 / 8;

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("OpenPGP key: ", why));
}

absl::Status ReadRsa(PgpReader& reader, PgpKey& key) {
  ASSIGN_OR_RETURN(const absl::string_view n, reader.ReadMpi());
  ASSIGN_OR_RETURN(const absl::string_view e, reader.ReadMpi());
  if (n.size() < kMinRsaBytes || e.empty()) {
    return Malformed("too short for RSA");
  }
  const UniqueBignum numbers[] = {ToBignum(n), ToBignum(e)};
  ASSIGN_OR_RETURN(key.public_key, BuildRsa(numbers));
  return absl::OkStatus();
}

absl::Status ReadEcdh(PgpReader& reader, PgpKey& key) {
  ASSIGN_OR_RETURN(const uint32_t curve_size, reader.ReadNumber(1));
  ASSIGN_OR_RETURN(const absl::string_view curve, reader.ReadBytes(curve_size));
  ASSIGN_OR_RETURN(const absl::string_view point, reader.ReadMpi());
  ASSIGN_OR_RETURN(const uint32_t kdf_size, reader.ReadNumber(1));
  ASSIGN_OR_RETURN(const absl::string_view kdf, reader.ReadBytes(kdf_size));
  // A byte that is reserved, the hash, the cipher.
  if (kdf.size() != 3 || kdf[0] != 1 || PgpHash(kdf[1]) == nullptr || PgpKeyBytes(kdf[2]) == 0) {
    return Malformed("ECDH with what is not here");
  }
  key.curve = std::string(curve);
  key.point = std::string(point);
  key.kdf_hash = static_cast<uint8_t>(kdf[1]);
  key.kdf_cipher = static_cast<uint8_t>(kdf[2]);
  ASSIGN_OR_RETURN(key.public_key, PgpPublicPoint(curve, point));
  return absl::OkStatus();
}

absl::StatusOr<std::string> FingerprintOf(absl::string_view public_part) {
  return PgpSha1(absl::StrCat("\x99", WritePgpNumber(static_cast<uint32_t>(public_part.size()), 2),
                              public_part));
}

}  // namespace

absl::StatusOr<PgpKey> ParsePgpKey(absl::string_view body, bool has_secret) {
  PgpKey key;
  PgpReader reader(body);
  ASSIGN_OR_RETURN(const uint32_t version, reader.ReadNumber(1));
  if (version != kVersion) {
    return Malformed(absl::StrCat("version ", version));
  }
  ASSIGN_OR_RETURN(key.created, reader.ReadNumber(4));
  ASSIGN_OR_RETURN(const uint32_t algorithm, reader.ReadNumber(1));
  key.algorithm = static_cast<int>(algorithm);
  switch (algorithm) {
    case kPgpRsa:
    case kPgpRsaEncryptOnly:
      RETURN_IF_ERROR(ReadRsa(reader, key));
      break;
    case kPgpEcdh: {
      PgpReader attempt = reader;
      if (ReadEcdh(attempt, key).ok()) {
        reader = attempt;
      }
      break;
    }
    default:
      break;
  }
  if (key.public_key == nullptr) {
    if (!has_secret) {
      ASSIGN_OR_RETURN(key.fingerprint, FingerprintOf(body));
    }
    return key;
  }
  if (!has_secret && !reader.rest().empty()) {
    return Malformed("something behind it");
  }
  ASSIGN_OR_RETURN(key.fingerprint,
                   FingerprintOf(body.substr(0, body.size() - reader.rest().size())));
  key.secret = std::string(reader.rest());
  return key;
}

}  // namespace holkas
