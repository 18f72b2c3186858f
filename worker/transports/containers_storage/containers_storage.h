#ifndef HOLKAS_WORKER_TRANSPORTS_CONTAINERS_STORAGE_CONTAINERS_STORAGE_H_
#define HOLKAS_WORKER_TRANSPORTS_CONTAINERS_STORAGE_CONTAINERS_STORAGE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"
#include "worker/transports/transport.h"

namespace holkas {

// `containers-storage:[[driver@]root[+run]]name`: one image of a store, where Podman, Buildah and
// Skopeo keep theirs (worker/storage). holkasd gives the store's directories; what is done in them
// is done here, under the locks that those programs take.

// An inspection gets the manifest as it is stored. A copy gets one that names the tars of the
// layers, since their blobs are not there.
// Errors: those of StoredImageSource; FAILED_PRECONDITION (DESTINATION_CONFLICT) for a copy that is
// to keep a digest which it would change.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenContainersStorageSource(
    const TransportContext& context, const broker::ImageLocation& location);

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenContainersStorageDestination(
    const TransportContext& context, const broker::ImageLocation& location);

absl::StatusOr<Digest> DeleteContainersStorageImage(const TransportContext& context,
                                                    const broker::ImageLocation& location,
                                                    bool only_tag);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_CONTAINERS_STORAGE_CONTAINERS_STORAGE_H_
