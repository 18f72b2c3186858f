#ifndef HOLKAS_WORKER_JOBS_MANIFEST_TYPES_H_
#define HOLKAS_WORKER_JOBS_MANIFEST_TYPES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "holkas/v1/image_service.pb.h"
#include "worker/transports/image_destination.h"

namespace holkas {

// The types that an image's manifest may be written in, the one to try first first, by Skopeo's
// rules: the one that it has, schema 2, schema 1, then the rest, of what the destination takes; or
// the one that `format` says alone. Empty where the destination takes none.
std::vector<absl::string_view> ManifestTypesFor(absl::string_view source_type,
                                                v1::ManifestFormat format,
                                                const ImageDestination& to);

// Whether a registry that answered so may take the manifest in another type.
bool IsTypeRefused(const absl::Status& status);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_MANIFEST_TYPES_H_
