#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "broker/broker.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/broker/broker.h"
#include "worker/jobs/copy_image.h"
#include "worker/jobs/job.h"
#include "worker/jobs/known_blobs.h"
#include "worker/jobs/retry_job.h"
#include "worker/transports/transport.h"

namespace holkas {
namespace {

absl::Status CopyOnce(const broker::JobSpec& job, Broker& broker, ThreadPool& pool) {
  const TransportContext context{broker, job};
  ASSIGN_OR_RETURN(const Transport* from_transport, FindTransport(job.source()));
  ASSIGN_OR_RETURN(const Transport* to_transport, FindTransport(job.destination()));
  if (to_transport->open_destination == nullptr) {
    return MakeError(absl::StatusCode::kUnimplemented, "TRANSPORT_UNIMPLEMENTED",
                     absl::StrCat("\"", to_transport->name,
                                  ":\" locations can only be read from, not written to"));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<ImageSource> from,
                   from_transport->open_source(context, job.source()));
  ASSIGN_OR_RETURN(const std::unique_ptr<ImageDestination> to,
                   to_transport->open_destination(context, job.destination()));
  std::optional<KnownBlobs> known;
  if (job.remembers_blobs()) {
    known.emplace(broker, job);
  }
  return CopyImage(*from, *to, job.copy(), job.platform(), broker, pool, job.has_decryption_keys(),
                   known.has_value() ? &*known : nullptr);
}

}  // namespace

absl::Status RunCopy(const broker::JobSpec& job, Broker& broker, ThreadPool& pool) {
  const auto tell = [&broker](const v1::Retrying& retrying) {
    v1::CopyResponse event;
    *event.mutable_retrying() = retrying;
    broker.SendEvent(event).IgnoreError();  // the next event fails too
  };
  return RunWithRetries(
      "copy", job.copy().retry(), broker, [&] { return CopyOnce(job, broker, pool); }, tell);
}

}  // namespace holkas
