#ifndef HOLKAS_WORKER_CRYPT_CMS_ENVELOPE_H_
#define HOLKAS_WORKER_CRYPT_CMS_ENVELOPE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/crypt/openssl_pointers.h"

namespace holkas {

// Enveloped data of CMS (RFC 5652, section 6; once PKCS #7) in the form in which ocicrypt wraps the
// keys of layers: the key is encrypted with RSA (PKCS #1 1.5) for certificates, the content with
// AES-128-GCM, whose tag is behind it and whose parameters have tags of their own. That
// is neither RFC 5083's form nor one that OpenSSL's CMS reads, so it is taken apart here.

// An envelope is read for as many recipients at most.
inline constexpr size_t kMaxCmsRecipients = 64;

// For all of `recipients`, certificates with keys of RSA, which are not empty.
// Errors: INTERNAL.
absl::StatusOr<std::string> EncryptCms(absl::string_view message,
                                       absl::Span<const UniqueCertificate> recipients);

// The message. The certificate is not needed: a key is tried with each recipient. Whatever is wrong
// is told alike, and a key that is not well padded is replaced by a random one, so that nobody
// learns of the private key from it. Also read: AES-256-GCM, and nonces as RFC 5084 has them.
// Errors: INVALID_ARGUMENT without a reason where it is malformed, of other algorithms, or not for
// `key`, a private one of RSA.
absl::StatusOr<std::string> DecryptCms(absl::string_view cms, EVP_PKEY* key);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_CMS_ENVELOPE_H_
