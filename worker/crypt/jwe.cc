#include "worker/crypt/jwe.h"

#include <openssl/rand.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/wipe.h"
#include "worker/crypt/aes_gcm.h"
#include "worker/crypt/ecdh.h"
#include "worker/crypt/jwk.h"
#include "worker/crypt/rsa.h"
#include "worker/crypt/strict_base64.h"
#include "worker/image/json_fields.h"
#include "worker/image/json_value.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

constexpr absl::string_view kOaep = "RSA-OAEP";
constexpr absl::string_view kOaep256 = "RSA-OAEP-256";
constexpr absl::string_view kEcdh = "ECDH-ES+A256KW";
constexpr absl::string_view kContent = "A256GCM";
constexpr size_t kContentKeyBytes = 32;

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("JWE: ", why));
}

absl::StatusOr<std::string> RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  if (RAND_priv_bytes(Bytes(bytes.data()), static_cast<int>(size)) != 1) {
    return absl::InternalError("encrypt a key: no randomness");
  }
  return bytes;
}

// The bytes of the key of `A128GCM` or `ECDH-ES+A128KW`, between what stands around the number of
// bits; 0 for other names.
size_t KeyBytesOf(absl::string_view name, absl::string_view before, absl::string_view after) {
  if (!absl::ConsumePrefix(&name, before) || !absl::ConsumeSuffix(&name, after)) {
    return 0;
  }
  return name == "128" ? 16 : name == "192" ? 24 : name == "256" ? 32 : 0;
}

// What the content's key became for one recipient.
struct WrappedKey {
  absl::string_view algorithm;
  JsonValue ephemeral;  // null where there is none
  std::string encrypted;
};

absl::StatusOr<WrappedKey> Wrap(absl::string_view content_key, EVP_PKEY* recipient) {
  WrappedKey wrapped;
  if (IsRsa(recipient)) {
    wrapped.algorithm = kOaep;
    ASSIGN_OR_RETURN(wrapped.encrypted, RsaEncrypt(recipient, RsaPadding::kOaepSha1, content_key));
    return wrapped;
  }
  wrapped.algorithm = kEcdh;
  ASSIGN_OR_RETURN(const UniquePkey ephemeral, NewEphemeralKey(recipient));
  ASSIGN_OR_RETURN(const std::string secret, AgreeOnSecret(ephemeral.get(), recipient));
  ASSIGN_OR_RETURN(wrapped.ephemeral, WriteEcJwk(ephemeral.get()));
  ASSIGN_OR_RETURN(wrapped.encrypted,
                   AesWrap(ConcatKdf(secret, kEcdh, "", "", kContentKeyBytes), content_key));
  return wrapped;
}

// The members of a JOSE header that are about one recipient.
JsonObject HeaderOf(const WrappedKey& wrapped, bool with_content) {
  JsonObject header = {{"alg", JsonValue(wrapped.algorithm)}};
  if (with_content) {
    header.push_back({"enc", JsonValue(kContent)});
  }
  if (!wrapped.ephemeral.is_null()) {
    header.push_back({"epk", wrapped.ephemeral});
  }
  return header;
}

// The members that tell for whom it is; those of one recipient are in `protected_header`.
JsonObject RecipientsOf(const std::vector<WrappedKey>& wrapped, std::string& protected_header) {
  if (wrapped.size() == 1) {
    protected_header = JsonValue(HeaderOf(wrapped[0], true)).Write();
    return {{"encrypted_key", JsonValue(EncodeBase64Url(wrapped[0].encrypted))}};
  }
  protected_header = JsonValue(JsonObject{{"enc", JsonValue(kContent)}}).Write();
  JsonArray recipients;
  for (const WrappedKey& key : wrapped) {
    recipients.push_back(
        JsonValue(JsonObject{{"header", JsonValue(HeaderOf(key, false))},
                             {"encrypted_key", JsonValue(EncodeBase64Url(key.encrypted))}}));
  }
  return {{"recipients", JsonValue(std::move(recipients))}};
}

absl::StatusOr<JsonValue> ParseObject(absl::string_view json) {
  ASSIGN_OR_RETURN(JsonValue value, ParseStrictJson(json));
  if (value.object() == nullptr) {
    return Malformed("not an object");
  }
  return value;
}

absl::StatusOr<std::string> GetBytes(const JsonValue& object, absl::string_view name) {
  ASSIGN_OR_RETURN(const std::string text, GetString(object, name));
  return DecodeBase64Url(text);
}

// Adds the members of `more` to `header`. None may be in both (RFC 7516, section 4).
absl::Status Merge(const JsonValue* more, JsonValue& header) {
  if (more == nullptr) {
    return absl::OkStatus();
  }
  if (more->object() == nullptr) {
    return Malformed("a header is not an object");
  }
  for (const JsonMember& member : *more->object()) {
    if (header.Find(member.key) != nullptr) {
      return Malformed("a member is in two headers");
    }
    header.object()->push_back(member);
  }
  return absl::OkStatus();
}

// Of `header`, which is all of a recipient's.
absl::Status CheckHeader(const JsonValue& header) {
  RETURN_IF_ERROR(CheckKeyCase(header, {"alg", "enc", "epk", "apu", "apv", "zip", "crit"}));
  if (header.Find("zip") != nullptr || header.Find("crit") != nullptr) {
    return Malformed("an extension that is not here");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> UnwrapByAgreement(const JsonValue& header, absl::string_view algorithm,
                                              absl::string_view wrapped, EVP_PKEY* key) {
  const size_t size = KeyBytesOf(algorithm, "ECDH-ES+A", "KW");
  const JsonValue* epk = FindField(header, "epk");
  if (size == 0 || epk == nullptr || FindField(*epk, "d") != nullptr) {
    return Malformed("no key agreement");
  }
  ASSIGN_OR_RETURN(const UniquePkey ephemeral, ParseJwk(*epk));
  ASSIGN_OR_RETURN(const std::string apu, GetBytes(header, "apu"));
  ASSIGN_OR_RETURN(const std::string apv, GetBytes(header, "apv"));
  ASSIGN_OR_RETURN(const std::string secret, AgreeOnSecret(key, ephemeral.get()));
  return AesUnwrap(ConcatKdf(secret, algorithm, apu, apv, size), wrapped);
}

absl::StatusOr<std::string> Unwrap(const JsonValue& header, absl::string_view wrapped,
                                   EVP_PKEY* key) {
  ASSIGN_OR_RETURN(const std::string algorithm, GetString(header, "alg"));
  if (!IsRsa(key)) {
    return UnwrapByAgreement(header, algorithm, wrapped, key);
  }
  if (algorithm == kOaep) {
    return RsaDecrypt(key, RsaPadding::kOaepSha1, wrapped);
  }
  if (algorithm == kOaep256) {
    return RsaDecrypt(key, RsaPadding::kOaepSha256, wrapped);
  }
  return Malformed("another algorithm than the key's");
}

// An encrypted message, taken apart but for its recipients.
struct Message {
  JsonValue root;
  JsonValue protected_header;
  // As it was written: it is authenticated.
  std::string protected_text;
  std::string nonce;
  std::string sealed;
};

absl::StatusOr<Message> TakeApart(absl::string_view jwe) {
  Message message;
  ASSIGN_OR_RETURN(message.root, ParseObject(jwe));
  RETURN_IF_ERROR(CheckKeyCase(message.root, {"protected", "unprotected", "header", "encrypted_key",
                                              "recipients", "aad", "iv", "ciphertext", "tag"}));
  ASSIGN_OR_RETURN(message.protected_text, GetString(message.root, "protected"));
  ASSIGN_OR_RETURN(const std::string header, DecodeBase64Url(message.protected_text));
  ASSIGN_OR_RETURN(message.protected_header, ParseObject(header));
  ASSIGN_OR_RETURN(message.nonce, GetBytes(message.root, "iv"));
  ASSIGN_OR_RETURN(message.sealed, GetBytes(message.root, "ciphertext"));
  ASSIGN_OR_RETURN(const std::string tag, GetBytes(message.root, "tag"));
  if (tag.size() != kGcmTagBytes || FindField(message.root, "aad") != nullptr) {
    return Malformed("a wrong tag, or further data");
  }
  message.sealed.append(tag);
  return message;
}

// `recipient` is an element of `recipients`, or all where it is flattened.
absl::StatusOr<std::string> DecryptFor(const Message& message, const JsonValue& recipient,
                                       EVP_PKEY* key) {
  JsonValue header = message.protected_header;
  RETURN_IF_ERROR(Merge(FindField(message.root, "unprotected"), header));
  RETURN_IF_ERROR(Merge(FindField(recipient, "header"), header));
  RETURN_IF_ERROR(CheckHeader(header));
  ASSIGN_OR_RETURN(const std::string content, GetString(header, "enc"));
  ASSIGN_OR_RETURN(const std::string wrapped, GetBytes(recipient, "encrypted_key"));
  ASSIGN_OR_RETURN(std::string content_key, Unwrap(header, wrapped, key));
  const WipedAtEnd key_wiped(content_key);
  if (content_key.size() != KeyBytesOf(content, "A", "GCM")) {
    return Malformed("a content key of another size");
  }
  return OpenAesGcm(content_key, message.nonce, message.protected_text, message.sealed);
}

}  // namespace

absl::StatusOr<std::string> EncryptJwe(absl::string_view message,
                                       absl::Span<const UniquePkey> recipients) {
  ASSIGN_OR_RETURN(std::string content_key, RandomBytes(kContentKeyBytes));
  const WipedAtEnd key_wiped(content_key);
  ASSIGN_OR_RETURN(const std::string nonce, RandomBytes(kGcmNonceBytes));
  std::vector<WrappedKey> wrapped;
  for (const UniquePkey& recipient : recipients) {
    ASSIGN_OR_RETURN(WrappedKey key, Wrap(content_key, recipient.get()));
    wrapped.push_back(std::move(key));
  }
  std::string header;
  JsonObject jwe = RecipientsOf(wrapped, header);
  const std::string protected_text = EncodeBase64Url(header);
  ASSIGN_OR_RETURN(const std::string sealed,
                   SealAesGcm(content_key, nonce, protected_text, message));
  const absl::string_view all = sealed;
  jwe.insert(jwe.begin(), {"protected", JsonValue(protected_text)});
  jwe.push_back({"iv", JsonValue(EncodeBase64Url(nonce))});
  jwe.push_back({"ciphertext", JsonValue(EncodeBase64Url(all.substr(0, message.size())))});
  jwe.push_back({"tag", JsonValue(EncodeBase64Url(all.substr(message.size())))});
  return JsonValue(std::move(jwe)).Write();
}

absl::StatusOr<std::string> DecryptJwe(absl::string_view jwe, EVP_PKEY* key) {
  const absl::Status failure = Malformed("not for this key");
  const absl::StatusOr<Message> message = TakeApart(jwe);
  if (!message.ok()) {
    return failure;
  }
  const absl::StatusOr<const JsonArray*> recipients = FindArray(message->root, "recipients");
  if (!recipients.ok() || (*recipients != nullptr && (*recipients)->size() > kMaxJweRecipients)) {
    return failure;
  }
  if (*recipients == nullptr) {
    absl::StatusOr<std::string> plain = DecryptFor(*message, message->root, key);
    return plain.ok() ? std::move(plain) : failure;
  }
  for (const JsonValue& recipient : **recipients) {
    absl::StatusOr<std::string> plain = DecryptFor(*message, recipient, key);
    if (plain.ok()) {
      return plain;
    }
  }
  return failure;
}

}  // namespace holkas
