#include "service/rpc/delete.h"

#include <string>
#include <utility>

#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/rpc/validate.h"

namespace holkas {

absl::StatusOr<v1::DeleteResponse> Delete(const ServerParts& server, const RequestContext& context,
                                          const v1::DeleteRequest& request) {
  RETURN_IF_ERROR(ValidateRequest(request));
  RETURN_IF_ERROR(CheckAuthFile(server, context, "registry", request.registry()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareJob(request, server.registries));
  const absl::Time deadline = DeadlineOf(context, server.timeouts.inspect, server.timeouts);
  ASSIGN_OR_RETURN(JobRunner::Call call,
                   MakeCall(server, context, "Delete", std::move(job), deadline));
  ASSIGN_OR_RETURN(const std::string result, server.runner->Run(std::move(call)));
  v1::DeleteResponse response;
  if (!response.ParseFromString(result) || !Digest::Parse(response.digest()).ok()) {
    return MakeError(absl::StatusCode::kInternal, "WORKER_VIOLATION",
                     "read the worker's result: it is not a DeleteResponse");
  }
  return response;
}

}  // namespace holkas
