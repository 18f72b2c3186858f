#include "worker/crypt/pgp_signature.h"

#include "absl/status/status.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/pgp_fields.h"
#include "worker/crypt/pgp_key.h"

namespace holkas {
namespace {

constexpr uint32_t kVersion = 4;
// Kinds of subpackets; the highest bit says that a reader must know it.
constexpr uint32_t kCreated = 2;
constexpr uint32_t kKeyLifetime = 9;
constexpr uint32_t kIssuer = 16;
constexpr uint32_t kKeyFlags = 27;
constexpr uint32_t kIssuerFingerprint = 33;
constexpr uint32_t kKindMask = 0x7f;
// Encrypts what is sent, or what is kept.
constexpr uint32_t kEncrypts = 0x04 | 0x08;

absl::StatusOr<size_t> ReadLength(PgpReader& reader) {
  ASSIGN_OR_RETURN(const uint32_t first, reader.ReadNumber(1));
  if (first < 192) {
    return first;
  }
  if (first < 255) {
    ASSIGN_OR_RETURN(const uint32_t second, reader.ReadNumber(1));
    return (first - 192) * 256 + second + 192;
  }
  return reader.ReadNumber(4);
}

// One subpacket. What stands outside of what is signed may say who signed where that does
// not, and nothing else.
absl::Status ReadSubpacket(absl::string_view subpacket, bool is_signed, PgpSignature& signature) {
  PgpReader reader(subpacket);
  ASSIGN_OR_RETURN(const uint32_t head, reader.ReadNumber(1));
  const uint32_t kind = head & kKindMask;
  const bool may_name = is_signed || signature.issuer.empty();
  if (may_name && kind == kIssuer) {
    signature.issuer = std::string(reader.rest());
  } else if (may_name && kind == kIssuerFingerprint && reader.rest().size() > PgpKey::kIdBytes) {
    signature.issuer = std::string(reader.rest().substr(reader.rest().size() - PgpKey::kIdBytes));
  } else if (is_signed && kind == kCreated) {
    ASSIGN_OR_RETURN(signature.created, reader.ReadNumber(4));
  } else if (is_signed && kind == kKeyLifetime) {
    ASSIGN_OR_RETURN(signature.key_lifetime_seconds, reader.ReadNumber(4));
  } else if (is_signed && kind == kKeyFlags) {
    ASSIGN_OR_RETURN(const uint32_t flags, reader.ReadNumber(1));
    signature.may_encrypt = (flags & kEncrypts) != 0;
  }
  return absl::OkStatus();
}

absl::Status ReadSubpackets(PgpReader& reader, bool is_signed, PgpSignature& signature) {
  ASSIGN_OR_RETURN(const uint32_t size, reader.ReadNumber(2));
  ASSIGN_OR_RETURN(const absl::string_view area, reader.ReadBytes(size));
  PgpReader subpackets(area);
  while (!subpackets.rest().empty()) {  // each has a byte at least
    ASSIGN_OR_RETURN(const size_t length, ReadLength(subpackets));
    ASSIGN_OR_RETURN(const absl::string_view subpacket, subpackets.ReadBytes(length));
    RETURN_IF_ERROR(ReadSubpacket(subpacket, is_signed, signature));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PgpSignature> ParsePgpSignature(absl::string_view body) {
  PgpSignature signature;
  PgpReader reader(body);
  ASSIGN_OR_RETURN(const uint32_t version, reader.ReadNumber(1));
  if (version != kVersion) {
    return absl::InvalidArgumentError("OpenPGP signature: of another version");
  }
  ASSIGN_OR_RETURN(const uint32_t kind, reader.ReadNumber(1));
  signature.kind = static_cast<int>(kind);
  RETURN_IF_ERROR(reader.ReadBytes(2).status());  // its algorithms
  RETURN_IF_ERROR(ReadSubpackets(reader, /*is_signed=*/true, signature));
  RETURN_IF_ERROR(ReadSubpackets(reader, /*is_signed=*/false, signature));
  return signature;
}

}  // namespace holkas
