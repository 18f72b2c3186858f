#ifndef HOLKAS_SERVICE_RPC_IMPORT_H_
#define HOLKAS_SERVICE_RPC_IMPORT_H_

#include <functional>

#include "absl/status/status.h"
#include "holkas/v1/image_service.pb.h"
#include "service/rpc/request_context.h"

namespace holkas {

// What Import has of its caller. Both functions block while the caller is slow, and are called on
// the thread of Import.
struct ImportStream {
  // The next message; false when the caller has sent all, or is gone.
  std::function<bool(v1::ImportRequest& request)> read;
  // Sends one; false when the caller is gone.
  std::function<bool(const v1::ImportResponse& response)> write;
};

// Serves the rpc Import: errors as image_service.proto says. First the archive is received, into a
// file without a name and with no more than one message of it in memory; then a copy runs as for
// Copy, whose worker reads that file. Nothing of the archive is left when the copy is over. A
// request with an id whose copy runs or is over attaches to it, and nothing is received.
absl::Status Import(const ServerParts& server, const RequestContext& context,
                    const ImportStream& stream);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_IMPORT_H_
