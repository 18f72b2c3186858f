#ifndef HOLKAS_WORKER_TRANSPORTS_OCI_OCI_H_
#define HOLKAS_WORKER_TRANSPORTS_OCI_OCI_H_

#include <memory>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"
#include "worker/transports/transport.h"

namespace holkas {

// `oci:path[:reference]`: an OCI image layout (OCI image-spec, image-layout.md). The worker sees
// files of it through the broker, never the directory. Many copies may write into one layout at
// once: blobs are added, never changed, and index.json is merged under holkasd's lock.

// Reads index.json.
// Errors: those of LayoutIndex; NOT_FOUND (REPOSITORY_UNKNOWN) where there is no layout.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenOciSource(const TransportContext& context,
                                                           const broker::ImageLocation& location);

// Takes OCI manifests and indexes alone.
// Errors: INVALID_ARGUMENT (INVALID_REFERENCE) for a reference by position.
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenOciDestination(
    const TransportContext& context, const broker::ImageLocation& location);

// Removes an image from the list, and the blobs that no image which stays in it needs, manifests
// included. An image of an index that is not there is passed over. Its signatures, in the entry
// `<algorithm>-<hex>.sig`, go with the last entry for the image. `only_tag` is refused.
// Errors: those of LayoutIndex and BlobReferences; NOT_FOUND (REPOSITORY_UNKNOWN) where there is no
// layout; FAILED_PRECONDITION (DESTINATION_CONFLICT) where another image came to a position;
// UNIMPLEMENTED (TRANSPORT_UNIMPLEMENTED) for `only_tag`.
absl::StatusOr<Digest> DeleteOciImage(const TransportContext& context,
                                      const broker::ImageLocation& location, bool only_tag);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_OCI_OCI_H_
