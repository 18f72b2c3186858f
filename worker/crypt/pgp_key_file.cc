#include "worker/crypt/pgp_key_file.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/wipe.h"
#include "worker/crypt/pgp_packets.h"
#include "worker/crypt/pgp_signature.h"

namespace holkas {
namespace {

constexpr absl::string_view kUnusable =
    "PGP: the key cannot encrypt: it is none of RSA, or of ECDH on P-256, P-384, P-521 or "
    "Curve25519, or it has expired or is revoked";

absl::Status InvalidKey(absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_KEY", why);
}

// A key and what its owner's signatures say of it.
struct SignedKey {
  PgpKey key;
  // Why `key` is empty; OK where it is not.
  absl::Status malformed;
  // The newest of those that say what it is for.
  std::optional<PgpSignature> binding;
  bool revoked = false;

  bool IsValid(absl::Time now) const {
    if (revoked || !binding.has_value()) {
      return false;
    }
    return binding->key_lifetime_seconds == 0 ||
           absl::FromUnixSeconds(int64_t{key.created} + binding->key_lifetime_seconds) > now;
  }
  bool CanEncrypt(absl::Time now) const {
    return key.public_key != nullptr && IsValid(now) && binding->may_encrypt;
  }
};

// Which signatures tell of a primary key, and which of a subkey.
struct SignatureKinds {
  bool (*is_binding)(int kind);
  int revocation;
};

constexpr SignatureKinds kOfPrimary = {
    [](int kind) { return (kind >= 0x10 && kind <= 0x13) || kind == 0x1f; }, 0x20};
constexpr SignatureKinds kOfSubkey = {[](int kind) { return kind == 0x18; }, 0x28};

void AddSignature(const PgpSignature& signature, const SignatureKinds& kinds, SignedKey& key) {
  if (signature.kind == kinds.revocation) {
    key.revoked = true;
  } else if (kinds.is_binding(signature.kind) &&
             (!key.binding.has_value() || key.binding->created <= signature.created)) {
    key.binding = signature;
  }
}

// A subkey that is malformed keeps its place: the signatures behind it are about it.
absl::Status AddKey(const PgpPacket& packet, std::vector<SignedKey>& keys) {
  absl::StatusOr<PgpKey> key = ParsePgpKey(packet.body, /*has_secret=*/false);
  if (!key.ok() && (packet.tag == kPgpPublicKey || !absl::IsInvalidArgument(key.status()))) {
    return key.status();
  }
  SignedKey& added = keys.emplace_back();
  added.malformed = key.status();
  if (key.ok()) {
    added.key = *std::move(key);
  }
  return absl::OkStatus();
}

// All keys of the file, the primary first.
absl::StatusOr<std::vector<SignedKey>> ReadKeys(absl::string_view file) {
  ASSIGN_OR_RETURN(const std::string data, RemovePgpArmor(file));
  ASSIGN_OR_RETURN(const std::vector<PgpPacket> packets, ReadPgpPackets(data));
  std::vector<SignedKey> keys;
  for (const PgpPacket& packet : packets) {
    if (keys.empty() != (packet.tag == kPgpPublicKey)) {
      return absl::InvalidArgumentError("it has none, or several");
    }
    if (packet.tag == kPgpPublicKey || packet.tag == kPgpPublicSubkey) {
      RETURN_IF_ERROR(AddKey(packet, keys));
    } else if (packet.tag == kPgpSignature) {
      const absl::StatusOr<PgpSignature> signature = ParsePgpSignature(packet.body);
      if (signature.ok() && signature->issuer == keys.front().key.id()) {
        AddSignature(*signature, keys.size() == 1 ? kOfPrimary : kOfSubkey, keys.back());
      }
    }
  }
  return keys;
}

// None of `keys` encrypts.
absl::Status Unusable(const std::vector<SignedKey>& keys) {
  const auto malformed = std::find_if(keys.begin(), keys.end(),
                                      [](const SignedKey& key) { return !key.malformed.ok(); });
  return InvalidKey(
      malformed == keys.end()
          ? std::string(kUnusable)
          : absl::StrCat(kUnusable, "; a subkey was left out: ", malformed->malformed.message()));
}

}  // namespace

absl::StatusOr<PgpKey> ParsePgpRecipient(absl::string_view file, absl::Time now) {
  absl::StatusOr<std::vector<SignedKey>> keys = ReadKeys(file);
  if (!keys.ok()) {
    return InvalidKey(absl::StrCat("PGP: not one public key: ", keys.status().message()));
  }
  if (keys->empty()) {
    return InvalidKey("PGP: not one public key");
  }
  if (!keys->front().IsValid(now)) {
    return InvalidKey(kUnusable);
  }
  SignedKey* best = nullptr;
  for (SignedKey& key : *keys) {
    const bool is_primary = &key == &keys->front();
    if (key.CanEncrypt(now) && (best == nullptr || best == &keys->front() ||
                                (!is_primary && key.key.created >= best->key.created))) {
      best = &key;
    }
  }
  if (best == nullptr) {
    return Unusable(*keys);
  }
  return std::move(best->key);
}

std::vector<PgpKey> ParsePgpSecretKeys(absl::string_view file) {
  std::vector<PgpKey> keys;
  absl::StatusOr<std::string> data = RemovePgpArmor(file);
  if (!data.ok()) {
    return keys;
  }
  const WipedAtEnd data_wiped(*data);
  absl::StatusOr<std::vector<PgpPacket>> packets = ReadPgpPackets(*data);
  if (!packets.ok()) {
    return keys;
  }
  for (PgpPacket& packet : *packets) {
    const WipedAtEnd body_wiped(packet.body);
    if (packet.tag != kPgpSecretKey && packet.tag != kPgpSecretSubkey) {
      continue;
    }
    absl::StatusOr<PgpKey> key = ParsePgpKey(packet.body, /*has_secret=*/true);
    if (key.ok() && key->public_key != nullptr) {
      keys.push_back(*std::move(key));
    }
  }
  return keys;
}

}  // namespace holkas
