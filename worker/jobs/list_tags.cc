#include "worker/jobs/list_tags.h"

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/jobs/job.h"
#include "worker/jobs/retry_job.h"

namespace holkas {

absl::Status ListTags(const Transport& transport, const TransportContext& context) {
  if (transport.list_tags == nullptr) {
    return MakeError(absl::StatusCode::kUnimplemented, "TRANSPORT_UNIMPLEMENTED",
                     absl::StrCat("Unsupported transport '", transport.name, "' for tag listing"));
  }
  absl::Status broken_off;
  bool sent = false;
  const auto send = [&](std::vector<std::string> tags) {
    v1::ListTagsResponse part;
    part.mutable_tags()->Assign(tags.begin(), tags.end());
    sent = true;
    return context.broker.SendTags(part);
  };
  const auto attempt = [&] {
    const absl::Status status = transport.list_tags(context, context.job.source(), send);
    if (sent) {
      broken_off = status;
    }
    return sent ? absl::OkStatus() : status;
  };
  RETURN_IF_ERROR(
      RunWithRetries("list of tags", context.job.list_tags().retry(), context.broker, attempt));
  return broken_off;
}

absl::Status RunListTags(const broker::JobSpec& job, Broker& broker) {
  ASSIGN_OR_RETURN(const Transport* transport, FindTransport(job.source()));
  return ListTags(*transport, {broker, job});
}

}  // namespace holkas
