#include "service/rpc/copy.h"

#include <memory>
#include <utility>

#include "proto/wire/status_macros.h"
#include "service/rpc/validate.h"

namespace holkas {
namespace {

absl::StatusOr<JobRunner::Call> PrepareCall(const ServerParts& server,
                                            const RequestContext& context,
                                            const v1::CopyRequest& request) {
  RETURN_IF_ERROR(CheckAuthFile(server, context, "source_registry", request.source_registry()));
  RETURN_IF_ERROR(
      CheckAuthFile(server, context, "destination_registry", request.destination_registry()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareJob(request, server.registries));
  const absl::Time deadline = DeadlineOf(context, server.timeouts.copy, server.timeouts);
  return MakeCall(server, context, "Copy", std::move(job), deadline);
}

// The operation of `request`, which has an id.
OperationRunner::AttachmentOr AttachOrStart(const ServerParts& server,
                                            const RequestContext& context,
                                            const v1::CopyRequest& request) {
  // First, since what the caller may do may have changed since the operation began.
  ASSIGN_OR_RETURN(JobRunner::Call call, PrepareCall(server, context, request));
  const OperationTicket ticket =
      server.operations->TicketOf(OwnerOf(context), "Copy", request.request_id(), request);
  ASSIGN_OR_RETURN(std::unique_ptr<Operation::Attachment> attachment,
                   server.operations->Find(ticket));
  if (attachment != nullptr) {
    return attachment;
  }
  return server.operations->Start(
      ticket, CopyOperation(*server.runner, std::move(call), request.omit_progress()));
}

}  // namespace

absl::Status Copy(const ServerParts& server, const RequestContext& context,
                  const v1::CopyRequest& request, const CopyWriter& write) {
  RETURN_IF_ERROR(ValidateRequest(request));
  if (!request.request_id().empty()) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Operation::Attachment> attachment,
                     AttachOrStart(server, context, request));
    return StreamOperation(context, *attachment, write);
  }
  ASSIGN_OR_RETURN(JobRunner::Call call, PrepareCall(server, context, request));
  return StreamCopy(server, context, std::move(call), request.omit_progress(), write);
}

}  // namespace holkas
