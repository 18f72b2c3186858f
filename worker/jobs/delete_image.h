#ifndef HOLKAS_WORKER_JOBS_DELETE_IMAGE_H_
#define HOLKAS_WORKER_JOBS_DELETE_IMAGE_H_

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "worker/transports/transport.h"

namespace holkas {

// Deletes the job's source by `transport`, as job.delete() asks: RunDelete (worker/jobs/job.h) with
// the transport already found.
// Errors: UNIMPLEMENTED (TRANSPORT_UNIMPLEMENTED) where the transport deletes nothing; those of the
// transport.
absl::StatusOr<v1::DeleteResponse> DeleteImage(const Transport& transport,
                                               const TransportContext& context);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_DELETE_IMAGE_H_
