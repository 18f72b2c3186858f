#include "worker/crypt/cms_envelope.h"

#include <openssl/rand.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/wipe.h"
#include "worker/crypt/aes_gcm.h"
#include "worker/crypt/der.h"
#include "worker/crypt/rsa.h"

namespace holkas {
namespace {

// Object identifiers as they are encoded.
constexpr absl::string_view kData("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 9);
constexpr absl::string_view kEnvelopedData("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", 9);
constexpr absl::string_view kRsaEncryption("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9);
constexpr absl::string_view kAes128Gcm("\x60\x86\x48\x01\x65\x03\x04\x01\x06", 9);
constexpr absl::string_view kAes256Gcm("\x60\x86\x48\x01\x65\x03\x04\x01\x2e", 9);

constexpr absl::string_view kVersion0("\0", 1);
constexpr size_t kAes128Bytes = 16;
constexpr size_t kAes256Bytes = 32;
// ocicrypt's tags: of what is around the parameters, and of the nonce in them.
constexpr unsigned char kParametersTag = 0x10;
constexpr unsigned char kNonceTag = 0x84;

absl::Status NotForThisKey() {
  return absl::InvalidArgumentError("enveloped data: not for this key");
}

absl::StatusOr<std::string> RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  if (RAND_priv_bytes(Bytes(bytes.data()), static_cast<int>(size)) != 1) {
    return absl::InternalError("encrypt a key: no randomness");
  }
  return bytes;
}

// What i2d_X509_NAME and its like write.
template <typename T>
std::string Encoded(int (*encode)(const T*, unsigned char**), const T* value) {
  unsigned char* bytes = nullptr;
  const int size = encode(value, &bytes);
  std::string encoded(reinterpret_cast<const char*>(bytes),
                      size > 0 ? static_cast<size_t>(size) : 0);
  OPENSSL_free(bytes);
  return encoded;
}

absl::StatusOr<std::string> WriteRecipient(absl::string_view content_key, X509* certificate) {
  ASSIGN_OR_RETURN(const std::string encrypted,
                   RsaEncrypt(X509_get0_pubkey(certificate), RsaPadding::kPkcs1, content_key));
  const std::string issuer_and_serial =
      absl::StrCat(Encoded(&i2d_X509_NAME, X509_get_issuer_name(certificate)),
                   Encoded(&i2d_ASN1_INTEGER, X509_get0_serialNumber(certificate)));
  return WriteDer(
      kDerSequence,
      absl::StrCat(WriteDer(kDerInteger, kVersion0), WriteDer(kDerSequence, issuer_and_serial),
                   WriteDer(kDerSequence, WriteDer(kDerOid, kRsaEncryption)),
                   WriteDer(kDerOctetString, encrypted)));
}

std::string WriteContent(absl::string_view nonce, absl::string_view sealed) {
  const char tag_bytes = static_cast<char>(kGcmTagBytes);
  const std::string parameters =
      WriteDer(kParametersTag,
               WriteDer(kDerSequence,
                        absl::StrCat(WriteDer(kNonceTag, nonce),
                                     WriteDer(kDerInteger, absl::string_view(&tag_bytes, 1)))));
  return WriteDer(
      kDerSequence,
      absl::StrCat(WriteDer(kDerOid, kData),
                   WriteDer(kDerSequence, absl::StrCat(WriteDer(kDerOid, kAes128Gcm), parameters)),
                   WriteDer(kDerExplicit0, WriteDer(kDerOctetString, sealed))));
}

// The next value, and nothing behind it.
absl::StatusOr<absl::string_view> ReadLast(DerReader& reader, unsigned char tag) {
  ASSIGN_OR_RETURN(const absl::string_view content, reader.Read(tag));
  return reader.AtEnd() ? absl::StatusOr<absl::string_view>(content) : NotForThisKey();
}

absl::Status Expect(DerReader& reader, unsigned char tag, absl::string_view content) {
  ASSIGN_OR_RETURN(const absl::string_view actual, reader.Read(tag));
  return actual == content ? absl::OkStatus() : NotForThisKey();
}

// The encrypted content.
struct Content {
  size_t key_bytes = 0;
  absl::string_view nonce;
  absl::string_view sealed;
};

absl::Status ReadAlgorithm(absl::string_view der, Content& content) {
  DerReader algorithm(der);
  ASSIGN_OR_RETURN(const absl::string_view oid, algorithm.Read(kDerOid));
  if (oid != kAes128Gcm && oid != kAes256Gcm) {
    return NotForThisKey();
  }
  content.key_bytes = oid == kAes128Gcm ? kAes128Bytes : kAes256Bytes;
  // Wrapped or, as RFC 5084 has them, not.
  absl::string_view around;
  if (algorithm.NextTag() == kParametersTag) {
    ASSIGN_OR_RETURN(around, ReadLast(algorithm, kParametersTag));
    algorithm = DerReader(around);
  }
  ASSIGN_OR_RETURN(const absl::string_view parameters, ReadLast(algorithm, kDerSequence));
  DerReader reader(parameters);
  const unsigned char nonce_tag = reader.NextTag() == kNonceTag ? kNonceTag : kDerOctetString;
  ASSIGN_OR_RETURN(content.nonce, reader.Read(nonce_tag));
  ASSIGN_OR_RETURN(const absl::string_view tag_bytes, ReadLast(reader, kDerInteger));
  return tag_bytes.size() == 1 && static_cast<size_t>(tag_bytes[0]) == kGcmTagBytes
             ? absl::OkStatus()
             : NotForThisKey();
}

absl::StatusOr<Content> ReadContent(absl::string_view der) {
  Content content;
  DerReader reader(der);
  RETURN_IF_ERROR(Expect(reader, kDerOid, kData));
  ASSIGN_OR_RETURN(const absl::string_view algorithm, reader.Read(kDerSequence));
  RETURN_IF_ERROR(ReadAlgorithm(algorithm, content));
  if (reader.NextTag() == kDerImplicit0) {
    ASSIGN_OR_RETURN(content.sealed, ReadLast(reader, kDerImplicit0));
    return content;
  }
  ASSIGN_OR_RETURN(const absl::string_view wrapped, ReadLast(reader, kDerExplicit0));
  DerReader inner(wrapped);
  ASSIGN_OR_RETURN(content.sealed, ReadLast(inner, kDerOctetString));
  return content;
}

// The encrypted key of one recipient.
absl::StatusOr<absl::string_view> ReadRecipient(absl::string_view der) {
  DerReader reader(der);
  RETURN_IF_ERROR(Expect(reader, kDerInteger, kVersion0));
  RETURN_IF_ERROR(reader.Read(kDerSequence).status());  // who it is
  ASSIGN_OR_RETURN(const absl::string_view algorithm, reader.Read(kDerSequence));
  DerReader algorithm_reader(algorithm);
  RETURN_IF_ERROR(Expect(algorithm_reader, kDerOid, kRsaEncryption));
  return ReadLast(reader, kDerOctetString);
}

struct Envelope {
  std::vector<absl::string_view> encrypted_keys;
  Content content;
};

absl::StatusOr<Envelope> TakeApart(absl::string_view cms) {
  DerReader file(cms);
  ASSIGN_OR_RETURN(const absl::string_view info, ReadLast(file, kDerSequence));
  DerReader info_reader(info);
  RETURN_IF_ERROR(Expect(info_reader, kDerOid, kEnvelopedData));
  ASSIGN_OR_RETURN(const absl::string_view wrapped, ReadLast(info_reader, kDerExplicit0));
  DerReader wrapped_reader(wrapped);
  ASSIGN_OR_RETURN(const absl::string_view data, ReadLast(wrapped_reader, kDerSequence));
  DerReader reader(data);
  RETURN_IF_ERROR(Expect(reader, kDerInteger, kVersion0));
  ASSIGN_OR_RETURN(const absl::string_view recipients, reader.Read(kDerSet));
  ASSIGN_OR_RETURN(const absl::string_view content, ReadLast(reader, kDerSequence));
  Envelope envelope;
  ASSIGN_OR_RETURN(envelope.content, ReadContent(content));
  for (DerReader each(recipients); !each.AtEnd();) {
    ASSIGN_OR_RETURN(const absl::string_view recipient, each.Read(kDerSequence));
    ASSIGN_OR_RETURN(const absl::string_view encrypted, ReadRecipient(recipient));
    envelope.encrypted_keys.push_back(encrypted);
    if (envelope.encrypted_keys.size() > kMaxCmsRecipients) {
      return NotForThisKey();
    }
  }
  return envelope;
}

absl::StatusOr<std::string> DecryptFor(absl::string_view encrypted_key, const Content& content,
                                       EVP_PKEY* key) {
  // Made in any case, so that a wrong padding takes as long as a right one.
  ASSIGN_OR_RETURN(std::string content_key, RandomBytes(content.key_bytes));
  const WipedAtEnd key_wiped(content_key);
  absl::StatusOr<std::string> decrypted = RsaDecrypt(key, RsaPadding::kPkcs1, encrypted_key);
  if (decrypted.ok() && decrypted->size() == content.key_bytes) {
    content_key = *std::move(decrypted);
  }
  return OpenAesGcm(content_key, content.nonce, "", content.sealed);
}

}  // namespace

absl::StatusOr<std::string> EncryptCms(absl::string_view message,
                                       absl::Span<const UniqueCertificate> recipients) {
  ASSIGN_OR_RETURN(std::string content_key, RandomBytes(kAes128Bytes));
  const WipedAtEnd key_wiped(content_key);
  ASSIGN_OR_RETURN(const std::string nonce, RandomBytes(kGcmNonceBytes));
  ASSIGN_OR_RETURN(const std::string sealed, SealAesGcm(content_key, nonce, "", message));
  std::string all;
  for (const UniqueCertificate& recipient : recipients) {
    ASSIGN_OR_RETURN(const std::string one, WriteRecipient(content_key, recipient.get()));
    absl::StrAppend(&all, one);
  }
  const std::string data =
      WriteDer(kDerSequence, absl::StrCat(WriteDer(kDerInteger, kVersion0), WriteDer(kDerSet, all),
                                          WriteContent(nonce, sealed)));
  return WriteDer(kDerSequence,
                  absl::StrCat(WriteDer(kDerOid, kEnvelopedData), WriteDer(kDerExplicit0, data)));
}

absl::StatusOr<std::string> DecryptCms(absl::string_view cms, EVP_PKEY* key) {
  const absl::StatusOr<Envelope> envelope = IsRsa(key) ? TakeApart(cms) : NotForThisKey();
  if (!envelope.ok()) {
    return NotForThisKey();
  }
  for (const absl::string_view encrypted_key : envelope->encrypted_keys) {
    absl::StatusOr<std::string> message = DecryptFor(encrypted_key, envelope->content, key);
    if (message.ok()) {
      return message;
    }
  }
  return NotForThisKey();
}

}  // namespace holkas
