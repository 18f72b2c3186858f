#ifndef HOLKAS_SERVICE_RPC_UNIMPLEMENTED_H_
#define HOLKAS_SERVICE_RPC_UNIMPLEMENTED_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace holkas {

// The answer of every rpc of the contract that this version does not serve: UNIMPLEMENTED
// (RPC_UNIMPLEMENTED) with the metadata entry `rpc`.
absl::Status UnimplementedRpc(absl::string_view rpc);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_UNIMPLEMENTED_H_
