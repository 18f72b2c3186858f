#ifndef HOLKAS_WORKER_TRANSPORTS_TRANSPORT_H_
#define HOLKAS_WORKER_TRANSPORTS_TRANSPORT_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/broker/broker.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"

namespace holkas {

// What a transport needs to open an image. Everything in it outlives what is opened.
struct TransportContext {
  Broker& broker;
  const broker::JobSpec& job;
};

// One row of the table of transports (transports.cc): a kind of place that images are in. A null
// entry means that the transport does not do it.
struct Transport {
  // As in `transport:details`.
  absl::string_view name;
  broker::ImageLocation::TransportCase location_case;

  // Opens the job's source, reading nothing yet or little.
  absl::StatusOr<std::unique_ptr<ImageSource>> (*open_source)(
      const TransportContext& context, const broker::ImageLocation& location);

  // Opens the job's destination. Registries find in context.job.source where blobs can be mounted
  // from.
  absl::StatusOr<std::unique_ptr<ImageDestination>> (*open_destination)(
      const TransportContext& context, const broker::ImageLocation& location);
};

// The transport of `location`.
// Errors: UNIMPLEMENTED (TRANSPORT_UNIMPLEMENTED).
absl::StatusOr<const Transport*> FindTransport(const broker::ImageLocation& location);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_TRANSPORT_H_
