#include "worker/jobs/copy_image.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/status_macros.h"
#include "worker/jobs/copy_blobs.h"
#include "worker/jobs/copy_plan.h"
#include "worker/jobs/progress.h"

namespace holkas {
namespace {

int ParallelBlobs(const v1::CopyRequest& options, const ThreadPool& pool) {
  const int wanted =
      options.max_parallel_blobs() > 0 ? options.max_parallel_blobs() : kDefaultParallelBlobs;
  return std::clamp(wanted, 1, std::max(1, pool.size()));
}

absl::Status WriteManifests(const CopyPlan& plan, ImageDestination& to,
                            ProgressReporter& progress) {
  for (const PlannedImage& image : plan.images) {
    RETURN_IF_ERROR(progress.ManifestStarted(image.manifest));
    RETURN_IF_ERROR(to.WriteManifest(image.manifest, !plan.index.has_value()));
  }
  if (plan.index.has_value()) {
    RETURN_IF_ERROR(progress.ManifestStarted(*plan.index));
    RETURN_IF_ERROR(to.WriteManifest(*plan.index, true));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CopyImage(ImageSource& from, ImageDestination& to, const v1::CopyRequest& options,
                       const v1::Platform& platform, Broker& broker, ThreadPool& pool) {
  const absl::Time start = absl::Now();
  ProgressReporter progress(broker, options.omit_progress());
  ASSIGN_OR_RETURN(const CopyPlan plan, PlanCopy(from, to, options, platform));
  RETURN_IF_ERROR(CopyBlobs(from, to, plan, ParallelBlobs(options, pool), pool, progress));
  RETURN_IF_ERROR(WriteManifests(plan, to, progress));
  RETURN_IF_ERROR(to.Publish(plan.top()));
  return progress.Finished(plan.top(), plan.warnings, absl::Now() - start);
}

}  // namespace holkas
