#ifndef HOLKAS_SERVICE_RPC_VALIDATE_H_
#define HOLKAS_SERVICE_RPC_VALIDATE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "holkas/v1/image.pb.h"
#include "holkas/v1/image_service.pb.h"

namespace holkas {

// Checks requests before anything is done with them: every bound of image_service.proto, and what
// this version does not do. References are left to ImageReference::Parse.
// Errors, all with the metadata entry `field`: INVALID_ARGUMENT (INVALID_FIELD); UNIMPLEMENTED
// (OPTION_UNIMPLEMENTED) for options of later versions, and for fields and enum values that only a
// newer client knows: to ignore them could do what was not asked.

// No string or bytes field of a request but certificates is longer.
inline constexpr size_t kMaxStringBytes = 4096;
// ca_pem, client_certificate_pem and client_key_pem together: they travel in one broker frame.
inline constexpr size_t kMaxCertificateBytes = 48 << 10;

// `field ` and what is wrong with it: INVALID_FIELD.
absl::Status InvalidField(const std::string& field, absl::string_view why);

// The same error, where it is about a field of a message that is the field `outer` of another one.
absl::Status WithinField(const std::string& outer, const absl::Status& status);

absl::Status ValidateRequest(const v1::InspectRequest& request);
absl::Status ValidateRequest(const v1::CopyRequest& request);
absl::Status ValidateRequest(const v1::ImportOptions& request);
absl::Status ValidateRequest(const v1::ExportRequest& request);
absl::Status ValidateRequest(const v1::CheckCredentialsRequest& request);
absl::Status ValidateRequest(const v1::DeleteRequest& request);
absl::Status ValidateRequest(const v1::ListTagsRequest& request);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_VALIDATE_H_
