#include "worker/crypt/layer_recipients.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/cms_envelope.h"
#include "worker/crypt/encryption_annotations.h"
#include "worker/crypt/jwe.h"
#include "worker/crypt/key_file.h"
#include "worker/crypt/pgp_key_file.h"
#include "worker/crypt/pgp_message.h"

namespace holkas {

absl::StatusOr<LayerRecipients> LayerRecipients::Parse(const v1::LayerEncryption& encryption) {
  LayerRecipients recipients;
  for (const v1::LayerRecipient& recipient : encryption.recipients()) {
    switch (recipient.wrapping()) {
      case v1::KEY_WRAPPING_JWE: {
        absl::StatusOr<UniquePkey> key = ParsePublicKey(recipient.key());
        RETURN_IF_ERROR(WithContext(key.status(), "Invalid encryption keys"));
        recipients.jwe_.push_back(*std::move(key));
        break;
      }
      case v1::KEY_WRAPPING_PKCS7: {
        absl::StatusOr<UniqueCertificate> certificate = ParseRsaCertificate(recipient.key());
        RETURN_IF_ERROR(WithContext(certificate.status(), "Invalid encryption keys"));
        recipients.pkcs7_.push_back(*std::move(certificate));
        break;
      }
      case v1::KEY_WRAPPING_PGP: {
        absl::StatusOr<PgpKey> key = ParsePgpRecipient(recipient.key(), absl::Now());
        RETURN_IF_ERROR(WithContext(key.status(), "Invalid encryption keys"));
        recipients.pgp_.push_back(*std::move(key));
        break;
      }
      default:
        return MakeError(absl::StatusCode::kUnimplemented, "OPTION_UNIMPLEMENTED",
                         "wrapping keys in another way than jwe, pkcs7 and pgp is not implemented",
                         {{"field", "encryption.recipients"}});
    }
  }
  return recipients;
}

absl::StatusOr<std::map<std::string, std::string>> LayerRecipients::Annotate(
    const LayerSecret& secret, absl::string_view hmac) const {
  const std::string message = WriteLayerSecret(secret);
  EncryptionAnnotations encryption;
  encryption.hmac = std::string(hmac);
  if (!jwe_.empty()) {
    ASSIGN_OR_RETURN(encryption.jwe.emplace_back(), EncryptJwe(message, jwe_));
  }
  if (!pkcs7_.empty()) {
    ASSIGN_OR_RETURN(encryption.pkcs7.emplace_back(), EncryptCms(message, pkcs7_));
  }
  if (!pgp_.empty()) {
    ASSIGN_OR_RETURN(encryption.pgp.emplace_back(), EncryptPgp(message, pgp_));
  }
  return WriteEncryptionAnnotations(encryption);
}

}  // namespace holkas
