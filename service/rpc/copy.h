#ifndef HOLKAS_SERVICE_RPC_COPY_H_
#define HOLKAS_SERVICE_RPC_COPY_H_

#include <functional>

#include "absl/status/status.h"
#include "holkas/v1/image_service.pb.h"
#include "service/jobs/job_runner.h"
#include "service/rpc/request_context.h"

namespace holkas {

// Serves the rpc Copy: errors as image_service.proto says. `write` sends one event to the caller;
// it is called on the calling thread, may block while the caller reads slowly, and returns false
// when the caller is gone. The job runs on a thread of its own and never waits for the caller; a
// caller who does not read at all is cut off. The result event is written only when the job is
// known to have succeeded, and is the last one.
absl::Status Copy(const ServerParts& server, const RequestContext& context,
                  const v1::CopyRequest& request,
                  const std::function<bool(const v1::CopyResponse&)>& write);

// The part of it that Import and Export have, too: runs a job of theirs, whose `on_event` and
// `cancelled` are still to be set.
absl::Status RunCopy(const ServerParts& server, const RequestContext& context, JobRunner::Call call,
                     bool omit_progress, const std::function<bool(const v1::CopyResponse&)>& write);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_COPY_H_
