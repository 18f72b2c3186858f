#ifndef HOLKAS_WORKER_CRYPT_ENCRYPTION_ANNOTATIONS_H_
#define HOLKAS_WORKER_CRYPT_ENCRYPTION_ANNOTATIONS_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// What a manifest says of an encrypted layer (ocicrypt): a media type with a suffix, and
// annotations with the layer's wrapped keys and its public options.

inline constexpr absl::string_view kEncryptedSuffix = "+encrypted";

// The wrapped keys of a layer never have more bytes than this in all: they go through a frame.
inline constexpr size_t kMaxWrappedKeyBytes = 48 << 10;
// Nor are they more than this.
inline constexpr size_t kMaxWrappedKeys = 64;

bool IsEncryptedLayerType(absl::string_view media_type);
// The type of the layer once it is encrypted; `media_type` is not.
std::string EncryptedLayerType(absl::string_view media_type);
// The type of the layer once it is decrypted; `media_type` IsEncryptedLayerType.
std::string PlainLayerType(absl::string_view media_type);

// What the annotations of an encrypted layer hold.
struct EncryptionAnnotations {
  // The layer's secret, wrapped: each a JWE, for one recipient or more.
  std::vector<std::string> jwe;
  // The same, each enveloped data of CMS.
  std::vector<std::string> pkcs7;
  // The same, each a message of OpenPGP.
  std::vector<std::string> pgp;
  // The schemes in which it is wrapped beside these and that nobody here reads, such as `pkcs11`.
  std::vector<std::string> unread_schemes;
  // The HMAC of the encrypted layer.
  std::string hmac;
};

// Errors: INVALID_ARGUMENT without a reason where they are malformed; UNIMPLEMENTED for another
// cipher; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::StatusOr<EncryptionAnnotations> ParseEncryptionAnnotations(
    const std::map<std::string, std::string>& annotations);

// The annotations that say so.
std::map<std::string, std::string> WriteEncryptionAnnotations(
    const EncryptionAnnotations& encryption);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_ENCRYPTION_ANNOTATIONS_H_
