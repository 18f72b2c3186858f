#ifndef HOLKAS_WORKER_TRANSPORTS_TARBALL_TARBALL_H_
#define HOLKAS_WORKER_TRANSPORTS_TARBALL_TARBALL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/transports/image_source.h"
#include "worker/transports/transport.h"

namespace holkas {

// `tarball:path[:path...]`: files that nobody made an image of yet. Each is a layer, as it is; the
// configuration and the OCI manifest are made here, byte for byte as Skopeo makes them, from the
// files' bytes and the times when they changed last. Only read.

// Reads all files once, for their digests. What a file holds is not looked at, but for gzip.
// Errors: NOT_FOUND, PERMISSION_DENIED (PATH_DENIED); FAILED_PRECONDITION (INVALID_COMPRESSION) for
// broken gzip; those of reading.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenTarballSource(
    const TransportContext& context, const broker::ImageLocation& location);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_TARBALL_TARBALL_H_
