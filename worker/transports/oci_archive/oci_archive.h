#ifndef HOLKAS_WORKER_TRANSPORTS_OCI_ARCHIVE_OCI_ARCHIVE_H_
#define HOLKAS_WORKER_TRANSPORTS_OCI_ARCHIVE_OCI_ARCHIVE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/archive/archive_members.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"
#include "worker/transports/transport.h"

namespace holkas {

// `oci-archive:path[:reference]`: an OCI image layout in a tar archive. It is never unpacked, and
// none is gathered in a directory first: members are read where they are, and blobs are written
// into the new archive as they come. It holds the one image of its copy, and takes the place of the
// old archive as a whole.

// Reads the archive's headers and index.json.
// Errors: those of Archive and of LayoutIndex; NOT_FOUND (REPOSITORY_UNKNOWN) where there is no
// layout in it.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenOciArchiveSource(
    const TransportContext& context, const broker::ImageLocation& location);

// The same for an archive that was opened already.
absl::StatusOr<std::unique_ptr<ImageSource>> NewOciArchiveSource(
    std::unique_ptr<ArchiveMembers> archive, const broker::OciArchiveImage& image);

// Takes OCI manifests and indexes alone.
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenOciArchiveDestination(
    const TransportContext& context, const broker::ImageLocation& location);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_OCI_ARCHIVE_OCI_ARCHIVE_H_
