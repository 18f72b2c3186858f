#ifndef HOLKAS_WORKER_TRANSPORTS_SIF_SIF_H_
#define HOLKAS_WORKER_TRANSPORTS_SIF_SIF_H_

#include <memory>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/transports/image_source.h"
#include "worker/transports/transport.h"

namespace holkas {

// `sif:path`: a Singularity image. Its system partition, a squashfs, is the one layer, made a tar
// archive of whenever it is read; the configuration and the OCI manifest are made here as Skopeo
// makes them. Only read.

// Reads all of the partition once, for the layer's digest.
// Errors: NOT_FOUND, PERMISSION_DENIED (PATH_DENIED); FAILED_PRECONDITION (INVALID_ARCHIVE);
// UNIMPLEMENTED (OPTION_UNIMPLEMENTED) for a compression that is not known; RESOURCE_EXHAUSTED
// (LIMIT_EXCEEDED); those of reading.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenSifSource(const TransportContext& context,
                                                           const broker::ImageLocation& location);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_SIF_SIF_H_
