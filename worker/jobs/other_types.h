#ifndef HOLKAS_WORKER_JOBS_OTHER_TYPES_H_
#define HOLKAS_WORKER_JOBS_OTHER_TYPES_H_

#include "absl/status/status.h"
#include "holkas/v1/image_service.pb.h"
#include "worker/jobs/copy_plan.h"
#include "worker/jobs/progress.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"

namespace holkas {

// Writes the only image of `plan`, whose blobs are at the destination, in one after the other of
// the types that are left, until the registry takes one, and publishes it; `refusal` is what the
// registry answered to its manifest. The plan's manifest is then the one that was taken.
// Result: `refusal` where it is about something else, digests must stay, or there is no other type
// to try; else OK, or what was answered to each, in Skopeo's words and with the code of the
// refusal.
absl::Status WriteInOtherTypes(ImageSource& from, ImageDestination& to,
                               const v1::CopyRequest& options, const absl::Status& refusal,
                               CopyPlan& plan, ProgressReporter& progress);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_OTHER_TYPES_H_
