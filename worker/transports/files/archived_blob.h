#ifndef HOLKAS_WORKER_TRANSPORTS_FILES_ARCHIVED_BLOB_H_
#define HOLKAS_WORKER_TRANSPORTS_FILES_ARCHIVED_BLOB_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/archive/archive_members.h"
#include "worker/blob/byte_source.h"
#include "worker/image/descriptor.h"
#include "worker/image/manifest.h"

namespace holkas {

// Blobs and manifests that are files in an archive, each by a name that its digest gives.

// The manifest with the digest, verified. `media_type`: what the archive says of it.
// Errors: NOT_FOUND (MANIFEST_UNKNOWN); DATA_LOSS (CONTENT_MISMATCH); as ReadMember.
absl::StatusOr<RawManifest> ReadArchivedManifest(const ArchiveMembers& archive,
                                                 absl::string_view name, const Digest& digest,
                                                 absl::string_view media_type);

// A blob with the size that its descriptor gives, or any where that is negative; its content is not
// verified. The archive outlives it.
// Errors: NOT_FOUND (BLOB_UNKNOWN); DATA_LOSS (CONTENT_MISMATCH) for a file of another size.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenArchivedBlob(ArchiveMembers& archive,
                                                             absl::string_view name,
                                                             const Descriptor& blob);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_FILES_ARCHIVED_BLOB_H_
