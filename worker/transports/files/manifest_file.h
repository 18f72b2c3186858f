#ifndef HOLKAS_WORKER_TRANSPORTS_FILES_MANIFEST_FILE_H_
#define HOLKAS_WORKER_TRANSPORTS_FILES_MANIFEST_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "worker/broker/broker.h"
#include "worker/image/manifest.h"

namespace holkas {

// The place's manifest with the digest, verified. `media_type`: what the place says of it.
// Errors: NOT_FOUND (MANIFEST_UNKNOWN); DATA_LOSS (CONTENT_MISMATCH); RESOURCE_EXHAUSTED
// (LIMIT_EXCEEDED).
absl::StatusOr<RawManifest> ReadManifestFile(Broker& broker, broker::Place place,
                                             const Digest& digest, absl::string_view media_type);

// The same of bytes that were read from wherever it is. Errors: DATA_LOSS (CONTENT_MISMATCH).
absl::StatusOr<RawManifest> VerifyManifest(std::string bytes, const Digest& digest,
                                           absl::string_view media_type);

// NOT_FOUND (MANIFEST_UNKNOWN).
absl::Status UnknownManifest(const Digest& digest);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_FILES_MANIFEST_FILE_H_
