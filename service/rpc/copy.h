#ifndef HOLKAS_SERVICE_RPC_COPY_H_
#define HOLKAS_SERVICE_RPC_COPY_H_

#include "absl/status/status.h"
#include "holkas/v1/image_service.pb.h"
#include "service/rpc/copy_stream.h"
#include "service/rpc/request_context.h"

namespace holkas {

// Serves the rpc Copy: errors as image_service.proto says. `write` sends one event to the caller;
// it is called on the calling thread, may block while the caller reads slowly, and returns false
// when the caller is gone. The job runs on a thread of its own and never waits for the caller; a
// caller who does not read at all is cut off. A job whose request has an id goes on without the
// caller, and is there for whoever repeats the request. The result event is written only when the
// job is known to have succeeded, and is the last one.
absl::Status Copy(const ServerParts& server, const RequestContext& context,
                  const v1::CopyRequest& request, const CopyWriter& write);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_COPY_H_
