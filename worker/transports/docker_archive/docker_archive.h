#ifndef HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_DOCKER_ARCHIVE_H_
#define HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_DOCKER_ARCHIVE_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/archive/archive_members.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"
#include "worker/transports/transport.h"

namespace holkas {

// `docker-archive:path[:name:tag]`: the archives of `docker save` and `podman save`, with one image
// or several. There are no manifests in them: the one that is given is made of the configuration
// and has the uncompressed layers, whose digests it names. Written as Skopeo does, byte for byte.

// Reads the archive's headers and manifest.json.
// Errors: those of Archive; FAILED_PRECONDITION (INVALID_ARCHIVE) where it is no such archive.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenDockerArchiveSource(
    const TransportContext& context, const broker::ImageLocation& location);

// The same for an archive that came some other way: `docker-daemon:`.
absl::StatusOr<std::unique_ptr<ImageSource>> NewDockerArchiveSource(
    std::unique_ptr<ArchiveMembers> archive, const broker::DockerArchiveImage& image);

// Takes manifests of Docker's schema 2 alone, and layers uncompressed.
// Errors: INVALID_ARGUMENT (INVALID_REFERENCE) for a reference by position.
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDockerArchiveDestination(
    const TransportContext& context, const broker::ImageLocation& location);

// The names of all images in the archive, whichever of them `location` names, in its order; `@N`
// for one without a name. Errors: those of OpenDockerArchiveSource.
absl::Status ListDockerArchiveTags(const TransportContext& context,
                                   const broker::ImageLocation& location,
                                   const TagListener& on_tags);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_DOCKER_ARCHIVE_H_
