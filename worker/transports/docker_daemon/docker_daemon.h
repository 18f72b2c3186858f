#ifndef HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_DOCKER_DAEMON_H_
#define HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_DOCKER_DAEMON_H_

#include <memory>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"
#include "worker/transports/transport.h"

namespace holkas {

// `docker-daemon:name:tag`: the images of a Docker daemon, over its Engine API. It gives and takes
// archives as docker-archive knows them; both ways the bytes pass through, and nothing is stored.

// Has the daemon send the image once, to find out what is in it; layers are read while it is sent a
// second time. The manifest is docker-archive's.
// Errors: those of EngineClient and of StreamedArchive; FAILED_PRECONDITION (INVALID_ARCHIVE).
absl::StatusOr<std::unique_ptr<ImageSource>> OpenDockerDaemonSource(
    const TransportContext& context, const broker::ImageLocation& location);

// Takes manifests of Docker's schema 2 alone; layers go as they are, and the daemon unpacks them.
// Reads nothing but the daemon's version, and begins to send with the first blob.
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDockerDaemonDestination(
    const TransportContext& context, const broker::ImageLocation& location);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_DOCKER_DAEMON_H_
