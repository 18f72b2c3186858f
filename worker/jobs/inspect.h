#ifndef HOLKAS_WORKER_JOBS_INSPECT_H_
#define HOLKAS_WORKER_JOBS_INSPECT_H_

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "worker/transports/image_source.h"

namespace holkas {

// Describes the image of `source` as job.inspect() asks: RunInspect (worker/jobs/job.h) with the
// source already open. Reads the manifest, for an index also that of the job's platform, the
// configuration, which is verified, and the tags; never a layer.
// Errors: NOT_FOUND (MANIFEST_UNKNOWN, PLATFORM_NOT_FOUND, BLOB_UNKNOWN); FAILED_PRECONDITION
// (INVALID_MANIFEST); UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED) for what is no image; DATA_LOSS
// (CONTENT_MISMATCH); those of the source.
absl::StatusOr<v1::InspectResponse> InspectImage(const broker::JobSpec& job, ImageSource& source);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_INSPECT_H_
