#ifndef HOLKAS_WORKER_TRANSPORTS_TRANSPORT_H_
#define HOLKAS_WORKER_TRANSPORTS_TRANSPORT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "worker/broker/broker.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"

namespace holkas {

// What a transport needs to open an image. Everything in it outlives what is opened.
struct TransportContext {
  Broker& broker;
  const broker::JobSpec& job;
};

// Gets some tags of a repository, in its order; what it returns, unless OK, ends the list.
using TagListener = std::function<absl::Status(std::vector<std::string> tags)>;

// One row of the table of transports (transports.cc): a kind of place that images are in. A null
// entry means that the transport does not do it.
struct Transport {
  // As in `transport:details`.
  absl::string_view name;
  broker::ImageLocation::TransportCase location_case = broker::ImageLocation::TRANSPORT_NOT_SET;

  // Opens the job's source, reading nothing yet or little.
  absl::StatusOr<std::unique_ptr<ImageSource>> (*open_source)(
      const TransportContext& context, const broker::ImageLocation& location) = nullptr;

  // Opens the job's destination. Registries find in context.job.source where blobs can be mounted
  // from.
  absl::StatusOr<std::unique_ptr<ImageDestination>> (*open_destination)(
      const TransportContext& context, const broker::ImageLocation& location) = nullptr;

  // Deletes the job's source with all its tags, or with `only_tag` its tag alone. Result: the
  // digest of the manifest that was deleted, or that the tag stood for.
  absl::StatusOr<Digest> (*delete_image)(const TransportContext& context,
                                         const broker::ImageLocation& location,
                                         bool only_tag) = nullptr;

  // Lists the tags of the repository of the job's source.
  absl::Status (*list_tags)(const TransportContext& context, const broker::ImageLocation& location,
                            const TagListener& on_tags) = nullptr;
};

// The transport of `location`.
// Errors: UNIMPLEMENTED (TRANSPORT_UNIMPLEMENTED).
absl::StatusOr<const Transport*> FindTransport(const broker::ImageLocation& location);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_TRANSPORT_H_
