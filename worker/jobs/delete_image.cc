#include "worker/jobs/delete_image.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/jobs/job.h"
#include "worker/jobs/retry_job.h"

namespace holkas {

absl::StatusOr<v1::DeleteResponse> DeleteImage(const Transport& transport,
                                               const TransportContext& context) {
  if (transport.delete_image == nullptr) {
    return MakeError(
        absl::StatusCode::kUnimplemented, "TRANSPORT_UNIMPLEMENTED",
        absl::StrCat("Deleting images not implemented for ", transport.name, ": images"));
  }
  const v1::DeleteRequest& request = context.job.delete_();
  v1::DeleteResponse response;
  RETURN_IF_ERROR(RunWithRetries("delete", request.retry(), context.broker, [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const Digest digest,
                     transport.delete_image(context, context.job.source(), request.only_tag()));
    response.set_digest(digest.ToString());
    return absl::OkStatus();
  }));
  return response;
}

absl::StatusOr<v1::DeleteResponse> RunDelete(const broker::JobSpec& job, Broker& broker) {
  ASSIGN_OR_RETURN(const Transport* transport, FindTransport(job.source()));
  return DeleteImage(*transport, {broker, job});
}

}  // namespace holkas
