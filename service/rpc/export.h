#ifndef HOLKAS_SERVICE_RPC_EXPORT_H_
#define HOLKAS_SERVICE_RPC_EXPORT_H_

#include <functional>

#include "absl/status/status.h"
#include "holkas/v1/image_service.pb.h"
#include "service/rpc/request_context.h"

namespace holkas {

// Serves the rpc Export: errors as image_service.proto says. A copy runs as for Copy, whose worker
// writes the archive into a file without a name; then the caller is sent that file, with one piece
// of it in memory. Nothing of it is left when this returns. `write`: as Copy has it.
absl::Status Export(const ServerParts& server, const RequestContext& context,
                    const v1::ExportRequest& request,
                    const std::function<bool(const v1::ExportResponse&)>& write);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_EXPORT_H_
