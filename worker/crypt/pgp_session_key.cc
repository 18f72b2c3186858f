#include "worker/crypt/pgp_session_key.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/wipe.h"
#include "worker/crypt/ecdh.h"
#include "worker/crypt/pgp_algorithms.h"
#include "worker/crypt/pgp_curve.h"
#include "worker/crypt/pgp_fields.h"
#include "worker/crypt/rsa.h"

namespace holkas {
namespace {

constexpr uint32_t kVersion = 3;
constexpr size_t kWrapBlockBytes = 8;

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("OpenPGP session key: ", why));
}

// What is encrypted: the cipher, its key and a checksum.
std::string WriteSession(const PgpSessionKey& session) {
  return absl::StrCat(WritePgpNumber(static_cast<uint32_t>(session.cipher), 1), session.key,
                      WritePgpSum(session.key));
}

absl::StatusOr<PgpSessionKey> ReadSession(absl::string_view text) {
  PgpReader reader(text);
  ASSIGN_OR_RETURN(const uint32_t cipher, reader.ReadNumber(1));
  const size_t size = PgpKeyBytes(static_cast<int>(cipher));
  ASSIGN_OR_RETURN(const absl::string_view key, reader.ReadBytes(size));
  if (size == 0 || reader.rest() != WritePgpSum(key)) {
    return Malformed("a wrong checksum, or a cipher that is not here");
  }
  return PgpSessionKey{static_cast<int>(cipher), std::string(key)};
}

// The key that the agreed secret is made (RFC 6637, sections 7 and 8): one hash of it and of whom
// it is for.
absl::StatusOr<std::string> DeriveKey(absl::string_view secret, const PgpKey& recipient) {
  const std::string hashed = absl::StrCat(
      WritePgpNumber(1, 4), secret,
      WritePgpNumber(static_cast<uint32_t>(recipient.curve.size()), 1), recipient.curve,
      WritePgpNumber(kPgpEcdh, 1), WritePgpNumber(3, 1), WritePgpNumber(1, 1),
      WritePgpNumber(static_cast<uint32_t>(recipient.kdf_hash), 1),
      WritePgpNumber(static_cast<uint32_t>(recipient.kdf_cipher), 1), "Anonymous Sender    ",
      recipient.fingerprint);
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  const size_t key_bytes = PgpKeyBytes(recipient.kdf_cipher);
  if (EVP_Digest(hashed.data(), hashed.size(), Bytes(digest.data()), &size,
                 PgpHash(recipient.kdf_hash), nullptr) != 1 ||
      size < key_bytes) {
    return Malformed("a hash that is shorter than the key");
  }
  digest.resize(key_bytes);
  return digest;
}

// Each byte of the padding says how long it is.
std::string Pad(absl::string_view text) {
  const size_t size = kWrapBlockBytes - text.size() % kWrapBlockBytes;
  return absl::StrCat(text, std::string(size, static_cast<char>(size)));
}

absl::StatusOr<absl::string_view> RemovePadding(absl::string_view text) {
  const size_t size = text.empty() ? 0 : static_cast<unsigned char>(text.back());
  if (size == 0 || size > text.size()) {
    return Malformed("wrong padding");
  }
  const absl::string_view padding = text.substr(text.size() - size);
  if (!std::all_of(padding.begin(), padding.end(), [&](char c) { return c == text.back(); })) {
    return Malformed("wrong padding");
  }
  text.remove_suffix(size);
  return text;
}

absl::StatusOr<std::string> WrapByAgreement(absl::string_view session, const PgpKey& recipient) {
  ASSIGN_OR_RETURN(const UniquePkey ephemeral, NewPgpEphemeral(recipient.public_key.get()));
  ASSIGN_OR_RETURN(std::string secret, AgreeOnSecret(ephemeral.get(), recipient.public_key.get()));
  const WipedAtEnd secret_wiped(secret);
  ASSIGN_OR_RETURN(std::string key, DeriveKey(secret, recipient));
  const WipedAtEnd key_wiped(key);
  std::string padded = Pad(session);
  const WipedAtEnd padded_wiped(padded);
  ASSIGN_OR_RETURN(const std::string wrapped, AesWrap(key, padded));
  ASSIGN_OR_RETURN(const std::string point, WritePgpPoint(ephemeral.get()));
  return absl::StrCat(WritePgpMpi(point), WritePgpNumber(static_cast<uint32_t>(wrapped.size()), 1),
                      wrapped);
}

absl::StatusOr<PgpSessionKey> UnwrapByAgreement(PgpReader& reader, const PgpKey& key,
                                                EVP_PKEY* private_key) {
  ASSIGN_OR_RETURN(const absl::string_view point, reader.ReadMpi());
  ASSIGN_OR_RETURN(const uint32_t size, reader.ReadNumber(1));
  ASSIGN_OR_RETURN(const absl::string_view wrapped, reader.ReadBytes(size));
  ASSIGN_OR_RETURN(const UniquePkey ephemeral, PgpPublicPoint(key.curve, point));
  ASSIGN_OR_RETURN(std::string secret, AgreeOnSecret(private_key, ephemeral.get()));
  const WipedAtEnd secret_wiped(secret);
  ASSIGN_OR_RETURN(std::string derived, DeriveKey(secret, key));
  const WipedAtEnd derived_wiped(derived);
  ASSIGN_OR_RETURN(std::string padded, AesUnwrap(derived, wrapped));
  const WipedAtEnd padded_wiped(padded);
  ASSIGN_OR_RETURN(const absl::string_view session, RemovePadding(padded));
  return ReadSession(session);
}

absl::StatusOr<PgpSessionKey> UnwrapRsa(PgpReader& reader, EVP_PKEY* private_key) {
  ASSIGN_OR_RETURN(const absl::string_view number, reader.ReadMpi());
  ASSIGN_OR_RETURN(std::string random, PgpRandom(PgpKeyBytes(kPgpAes256)));
  const size_t size = static_cast<size_t>(EVP_PKEY_get_size(private_key));
  if (number.size() > size) {
    return Malformed("another size than the key's");
  }
  const std::string encrypted = absl::StrCat(std::string(size - number.size(), '\0'), number);
  absl::StatusOr<std::string> decrypted = RsaDecrypt(private_key, RsaPadding::kPkcs1, encrypted);
  std::string text = decrypted.ok() ? *std::move(decrypted) : "";
  const WipedAtEnd text_wiped(text);
  absl::StatusOr<PgpSessionKey> session = ReadSession(text);
  return session.ok() ? std::move(session)
                      : absl::StatusOr<PgpSessionKey>({kPgpAes256, std::move(random)});
}

}  // namespace

absl::StatusOr<std::string> WrapPgpSessionKey(const PgpSessionKey& session,
                                              const PgpKey& recipient) {
  std::string text = WriteSession(session);
  const WipedAtEnd text_wiped(text);
  std::string wrapped;
  if (recipient.algorithm == kPgpEcdh) {
    ASSIGN_OR_RETURN(wrapped, WrapByAgreement(text, recipient));
  } else {
    ASSIGN_OR_RETURN(const std::string encrypted,
                     RsaEncrypt(recipient.public_key.get(), RsaPadding::kPkcs1, text));
    wrapped = WritePgpMpi(encrypted);
  }
  return absl::StrCat(WritePgpNumber(kVersion, 1), recipient.id(),
                      WritePgpNumber(static_cast<uint32_t>(recipient.algorithm), 1), wrapped);
}

bool IsForPgpKey(absl::string_view body, const PgpKey& key) {
  if (body.size() < 1 + PgpKey::kIdBytes) {
    return false;
  }
  const absl::string_view id = body.substr(1, PgpKey::kIdBytes);
  return id == key.id() || id == std::string(PgpKey::kIdBytes, '\0');
}

absl::StatusOr<PgpSessionKey> UnwrapPgpSessionKey(absl::string_view body, const PgpKey& key,
                                                  EVP_PKEY* private_key) {
  PgpReader reader(body);
  ASSIGN_OR_RETURN(const uint32_t version, reader.ReadNumber(1));
  RETURN_IF_ERROR(reader.ReadBytes(PgpKey::kIdBytes).status());
  ASSIGN_OR_RETURN(const uint32_t algorithm, reader.ReadNumber(1));
  if (version != kVersion || (algorithm == kPgpEcdh) != (key.algorithm == kPgpEcdh)) {
    return Malformed("of another version or algorithm");
  }
  return key.algorithm == kPgpEcdh ? UnwrapByAgreement(reader, key, private_key)
                                   : UnwrapRsa(reader, private_key);
}

}  // namespace holkas
