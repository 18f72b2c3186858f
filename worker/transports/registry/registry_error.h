#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_ERROR_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_ERROR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace holkas {

// A registry's error body is never read further than this.
inline constexpr size_t kMaxErrorBodyBytes = 64 << 10;

// One error of a registry's answer (OCI distribution-spec, error codes).
struct RegistryError {
  std::string code;     // `MANIFEST_UNKNOWN`; escaped and cut
  std::string message;  // escaped and cut
};

// What the answer was about; a bare 404 means another thing for each.
enum class RegistryObject {
  kManifest,
  kBlob,
  kTagList,
  kUpload,
  kManifestUpload,
  kDeletion,
  kBase,   // the registry as such
  kToken,  // of a realm
};

// Reads the body of an error; empty where it is not the JSON that the specification says.
std::vector<RegistryError> ParseRegistryErrors(absl::string_view body);

// The error that a registry's answer stands for. Message: the code in Skopeo's words, then the
// registry's own message where it says more.
// Errors: NOT_FOUND (MANIFEST_UNKNOWN, BLOB_UNKNOWN, REPOSITORY_UNKNOWN); UNAUTHENTICATED
// (REGISTRY_UNAUTHORIZED); PERMISSION_DENIED (REGISTRY_DENIED); FAILED_PRECONDITION
// (INVALID_MANIFEST; DELETE_DISABLED for kDeletion); DATA_LOSS (CONTENT_MISMATCH);
// RESOURCE_EXHAUSTED (LIMIT_EXCEEDED); UNAVAILABLE (REGISTRY_UNAVAILABLE). Metadata: `http_status`,
// `registry_code`.
absl::Status RegistryAnswerError(RegistryObject object, int status, absl::string_view body);

// The error of a registry whose URL was refused with `error` (worker/http/url.h); `what` it is of
// the registry's. Errors: UNAVAILABLE (REGISTRY_UNAVAILABLE); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED)
// where the URL is too long.
absl::Status RegistryUrlError(const absl::Status& error, absl::string_view what);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_ERROR_H_
