#ifndef HOLKAS_WORKER_CRYPT_LAYER_RECIPIENTS_H_
#define HOLKAS_WORKER_CRYPT_LAYER_RECIPIENTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "holkas/v1/image_service.pb.h"
#include "worker/crypt/layer_secret.h"
#include "worker/crypt/openssl_pointers.h"
#include "worker/crypt/pgp_key.h"

namespace holkas {

// Those for whom a copy encrypts layers. Several threads may wrap at once.
class LayerRecipients {
 public:
  // Reads their keys.
  // Errors: INVALID_ARGUMENT (INVALID_KEY) in Skopeo's words; UNIMPLEMENTED (OPTION_UNIMPLEMENTED)
  // for a way of wrapping that is not here.
  static absl::StatusOr<LayerRecipients> Parse(const v1::LayerEncryption& encryption);

  // The annotations of an encrypted layer: its secret wrapped for all of them, and its HMAC.
  // Errors: INTERNAL.
  absl::StatusOr<std::map<std::string, std::string>> Annotate(const LayerSecret& secret,
                                                              absl::string_view hmac) const;

 private:
  LayerRecipients() = default;

  std::vector<UniquePkey> jwe_;
  std::vector<UniqueCertificate> pkcs7_;
  std::vector<PgpKey> pgp_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_LAYER_RECIPIENTS_H_
