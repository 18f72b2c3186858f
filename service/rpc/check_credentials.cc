#include "service/rpc/check_credentials.h"

#include <utility>

#include "proto/wire/status_macros.h"
#include "service/rpc/validate.h"

namespace holkas {

absl::StatusOr<v1::CheckCredentialsResponse> CheckCredentials(
    const ServerParts& server, const RequestContext& context,
    const v1::CheckCredentialsRequest& request) {
  RETURN_IF_ERROR(ValidateRequest(request));
  RETURN_IF_ERROR(CheckAuthFile(server, context, "access", request.access()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareJob(request, server.registries));
  const absl::Time deadline = DeadlineOf(context, server.timeouts.inspect, server.timeouts);
  ASSIGN_OR_RETURN(JobRunner::Call call,
                   MakeCall(server, context, "CheckCredentials", std::move(job), deadline));
  RETURN_IF_ERROR(server.runner->Run(std::move(call)).status());
  return v1::CheckCredentialsResponse();
}

}  // namespace holkas
