#ifndef HOLKAS_WORKER_TRANSPORTS_DIR_ARCHIVE_DIR_ARCHIVE_H_
#define HOLKAS_WORKER_TRANSPORTS_DIR_ARCHIVE_DIR_ARCHIVE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/archive/archive_members.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"
#include "worker/transports/transport.h"

namespace holkas {

// A tar archive of the files that `dir:` keeps: one image, with manifests of any type as they are.
// Import and Export have it; no reference names it. It is never unpacked, and blobs are written
// into it as they come.

// Reads the archive's headers and `version`.
// Errors: those of Archive; UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED) for a version of the format that
// is not known.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenDirArchiveSource(
    const TransportContext& context, const broker::ImageLocation& location);

// The same for an archive that was opened already.
absl::StatusOr<std::unique_ptr<ImageSource>> NewDirArchiveSource(
    std::unique_ptr<ArchiveMembers> archive);

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDirArchiveDestination(
    const TransportContext& context, const broker::ImageLocation& location);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DIR_ARCHIVE_DIR_ARCHIVE_H_
