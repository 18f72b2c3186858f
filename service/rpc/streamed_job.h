#ifndef HOLKAS_SERVICE_RPC_STREAMED_JOB_H_
#define HOLKAS_SERVICE_RPC_STREAMED_JOB_H_

#include <functional>

#include "absl/status/status.h"
#include "service/rpc/request_context.h"

namespace holkas {

// Runs `job` on a thread of its own and beside it `write`, which sends to the caller of the rpc
// what the job gives, on the calling thread: gRPC's writes block where the caller reads slowly.
// `write` returns when there is nothing more to send, or nobody to send it to; where it has not
// returned 30 seconds after the job, the call is broken off. Returns after both. Errors:
// RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where there is no thread; then neither ran.
absl::Status RunStreamedJob(const RequestContext& context, const std::function<void()>& job,
                            const std::function<void()>& write);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_STREAMED_JOB_H_
