#ifndef HOLKAS_WORKER_TRANSPORTS_OCI_READ_INDEX_H_
#define HOLKAS_WORKER_TRANSPORTS_OCI_READ_INDEX_H_

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/broker/broker.h"
#include "worker/transports/oci/layout_index.h"

namespace holkas {

// The list of the images of a place's layout, as it is now.
// Errors: NOT_FOUND (REPOSITORY_UNKNOWN) where there is no layout; those of LayoutIndex::Parse.
absl::StatusOr<LayoutIndex> ReadIndex(Broker& broker, broker::Place place);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_OCI_READ_INDEX_H_
