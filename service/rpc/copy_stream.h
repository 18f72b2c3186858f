#ifndef HOLKAS_SERVICE_RPC_COPY_STREAM_H_
#define HOLKAS_SERVICE_RPC_COPY_STREAM_H_

#include <functional>

#include "absl/status/status.h"
#include "holkas/v1/image_service.pb.h"
#include "service/jobs/job_runner.h"
#include "service/rpc/operation.h"
#include "service/rpc/operation_runner.h"
#include "service/rpc/request_context.h"

namespace holkas {

// Runs the jobs of rpcs that copy, and sends their events to callers.

// Sends one event; false where the caller is gone.
using CopyWriter = std::function<bool(const v1::CopyResponse&)>;

// What a call ends with whose caller is gone.
absl::Status CallerHungUp();

// Runs the job of a copy that ends with its caller: `call` is one of MakeCall. Writes the events,
// without BlobProgress where `omit_progress` is set, the result the last of them. Errors: those of
// JobRunner; INTERNAL (WORKER_VIOLATION) for a job without a result; RESOURCE_EXHAUSTED
// (LIMIT_EXCEEDED) where the caller reads too slowly.
absl::Status StreamCopy(const ServerParts& server, const RequestContext& context,
                        JobRunner::Call call, bool omit_progress, const CopyWriter& write);

// The same as the job of an operation, which outlives its callers. `runner` must outlive it.
OperationRunner::Job CopyOperation(JobRunner& runner, JobRunner::Call call, bool omit_progress);

// Writes the events of a copy that is an operation to one of those that are attached, the result
// the last of them. Errors: those of the operation; LIMIT_EXCEEDED as of StreamCopy.
absl::Status StreamOperation(const RequestContext& context, Operation::Attachment& attachment,
                             const CopyWriter& write);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_COPY_STREAM_H_
