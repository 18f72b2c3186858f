#ifndef HOLKAS_WORKER_TRANSPORTS_OCI_CHANGE_INDEX_H_
#define HOLKAS_WORKER_TRANSPORTS_OCI_CHANGE_INDEX_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "worker/broker/broker.h"
#include "worker/transports/oci/layout_index.h"

namespace holkas {

// Changes the list of images of the destination's layout, under holkasd's lock, and publishes it.
// `change` gets the present list, an empty one where there is none, and does it again with the next
// list where another tool, one that does not take the lock, wrote it meanwhile. What it returns,
// unless OK, ends the change, and the layout is as it was.
// Errors: those of `change`; ABORTED where the list never kept still; those of LayoutIndex::Parse;
// RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for a list that would be too large; those of Broker::Publish.
absl::Status ChangeIndex(Broker& broker,
                         absl::FunctionRef<absl::Status(LayoutIndex& index)> change);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_OCI_CHANGE_INDEX_H_
