#ifndef HOLKAS_SERVICE_BROKER_BLOB_MEMORY_H_
#define HOLKAS_SERVICE_BROKER_BLOB_MEMORY_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "service/broker/cancellation.h"

namespace holkas {

// What one job's worker can ask about blobs that earlier jobs of its caller saw, and what it tells
// about its own. Errors are as in broker.proto, and INTERNAL (WORKER_VIOLATION) for what no honest
// worker says. Thread-safe.
class BlobMemory {
 public:
  virtual ~BlobMemory() = default;

  // May wait for the disk.
  virtual absl::StatusOr<broker::Twins> FindTwins(const broker::FindTwins& question) = 0;
  // Whether the job's destination, a registry, has the blob now. Blocks until it is cancelled.
  virtual absl::StatusOr<bool> MountBlob(const broker::MountBlob& question,
                                         const Cancellation& cancellation) = 0;
  virtual absl::Status Remember(const broker::Remember& told) = 0;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_BLOB_MEMORY_H_
