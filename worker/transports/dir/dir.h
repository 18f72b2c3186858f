#ifndef HOLKAS_WORKER_TRANSPORTS_DIR_DIR_H_
#define HOLKAS_WORKER_TRANSPORTS_DIR_DIR_H_

#include <memory>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"
#include "worker/transports/transport.h"

namespace holkas {

// `dir:path`: one image as plain files in a directory, Skopeo's own format: manifest.json, version,
// each blob as `<hex>`, each manifest of an index as `<hex>.manifest.json`. Any type of manifest.
// Written beside the old directory, which holkasd exchanges for the new one at the end.

// Reads `version`.
// Errors: UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED) for a version of the format that is not known.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenDirSource(const TransportContext& context,
                                                           const broker::ImageLocation& location);

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDirDestination(
    const TransportContext& context, const broker::ImageLocation& location);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DIR_DIR_H_
