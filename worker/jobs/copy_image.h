#ifndef HOLKAS_WORKER_JOBS_COPY_IMAGE_H_
#define HOLKAS_WORKER_JOBS_COPY_IMAGE_H_

#include "absl/status/status.h"
#include "holkas/v1/image.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "worker/broker/broker.h"
#include "worker/jobs/job.h"
#include "worker/jobs/known_blobs.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"

namespace holkas {

// How many blobs move at once where the caller does not say; the same as Skopeo.
inline constexpr int kDefaultParallelBlobs = 6;

// Copies an image, or an index with its images, from one open place to another: plan, blobs,
// manifests, then the name. Sends events through `broker`, the result last. Until the destination's
// Publish its name gives the old image; on an error nothing was published.
// `decrypts`: the broker has keys for layers that are encrypted. `known`: null where nothing is
// remembered of blobs.
// Errors: those of PlanCopy and CopyBlobs, and of the destination.
absl::Status CopyImage(ImageSource& from, ImageDestination& to, const v1::CopyRequest& options,
                       const v1::Platform& platform, Broker& broker, ThreadPool& pool,
                       bool decrypts = false, const KnownBlobs* known = nullptr);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_COPY_IMAGE_H_
