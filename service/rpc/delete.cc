#include "service/rpc/delete.h"

#include <memory>
#include <string>
#include <utility>

#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/rpc/validate.h"

namespace holkas {
namespace {

absl::StatusOr<JobRunner::Call> PrepareCall(const ServerParts& server,
                                            const RequestContext& context,
                                            const v1::DeleteRequest& request) {
  RETURN_IF_ERROR(CheckAuthFile(server, context, "registry", request.registry()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareJob(request, server.registries));
  const absl::Time deadline = DeadlineOf(context, server.timeouts.inspect, server.timeouts);
  return MakeCall(server, context, "Delete", std::move(job), deadline);
}

// The serialized response of a deletion that belongs to no call; waits for it.
absl::StatusOr<std::string> RunOnce(const ServerParts& server, const RequestContext& context,
                                    const v1::DeleteRequest& request) {
  // First, since what the caller may do may have changed since the operation began.
  ASSIGN_OR_RETURN(JobRunner::Call call, PrepareCall(server, context, request));
  const OperationTicket ticket =
      server.operations->TicketOf(OwnerOf(context), "Delete", request.request_id(), request);
  ASSIGN_OR_RETURN(std::unique_ptr<Operation::Attachment> attachment,
                   server.operations->Find(ticket));
  if (attachment == nullptr) {
    ASSIGN_OR_RETURN(
        attachment,
        server.operations->Start(ticket, [&runner = *server.runner, call = std::move(call)](
                                             Operation&, std::function<bool()> cancelled) mutable {
          call.cancelled = std::move(cancelled);
          return runner.Run(std::move(call));
        }));
  }
  attachment->AwaitEnd(context.cancelled);
  return attachment->outcome();
}

absl::StatusOr<std::string> Run(const ServerParts& server, const RequestContext& context,
                                const v1::DeleteRequest& request) {
  ASSIGN_OR_RETURN(JobRunner::Call call, PrepareCall(server, context, request));
  return server.runner->Run(std::move(call));
}

}  // namespace

absl::StatusOr<v1::DeleteResponse> Delete(const ServerParts& server, const RequestContext& context,
                                          const v1::DeleteRequest& request) {
  RETURN_IF_ERROR(ValidateRequest(request));
  ASSIGN_OR_RETURN(const std::string result, request.request_id().empty()
                                                 ? Run(server, context, request)
                                                 : RunOnce(server, context, request));
  v1::DeleteResponse response;
  if (!response.ParseFromString(result) || !Digest::Parse(response.digest()).ok()) {
    return MakeError(absl::StatusCode::kInternal, "WORKER_VIOLATION",
                     "read the worker's result: it is not a DeleteResponse");
  }
  return response;
}

}  // namespace holkas
