#ifndef HOLKAS_WORKER_JOBS_COPY_BLOBS_H_
#define HOLKAS_WORKER_JOBS_COPY_BLOBS_H_

#include <map>

#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "worker/image/rewrite_manifest.h"
#include "worker/jobs/copy_plan.h"
#include "worker/jobs/job.h"
#include "worker/jobs/known_blobs.h"
#include "worker/jobs/progress.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"

namespace holkas {

// Brings every blob of `plan` to the destination, up to `parallel` at once, each in a pipeline of
// its own on a thread of `pool`; those that the destination has, or can take over, are not read.
// Blobs begin in the plan's order. Blocks until every pipeline has ended. The first failure stops
// the other pipelines at their next buffer, and no further one begins.
// `known`: null where nothing is remembered of blobs.
// Result: what layers were made into on the way, by their digests at the source.
// Errors: the first of MoveBlob's and the reporter's; INVALID_ARGUMENT (INVALID_FIELD) for a level
// of compression that there is not.
absl::StatusOr<std::map<Digest, MadeLayer>> CopyBlobs(ImageSource& from, ImageDestination& to,
                                                      const CopyPlan& plan, int parallel,
                                                      ThreadPool& pool, ProgressReporter& progress,
                                                      const KnownBlobs* known = nullptr);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_COPY_BLOBS_H_
