#include "worker/jobs/copy_image.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "proto/wire/status_macros.h"
#include "worker/jobs/copy_blobs.h"
#include "worker/jobs/copy_plan.h"
#include "worker/jobs/decrypt_layers.h"
#include "worker/jobs/other_types.h"
#include "worker/jobs/progress.h"

namespace holkas {
namespace {

int ParallelBlobs(const v1::CopyRequest& options, const ImageDestination& to, bool in_order,
                  const ThreadPool& pool) {
  if (in_order || to.writes_in_turn()) {
    return 1;
  }
  const int wanted =
      options.max_parallel_blobs() > 0 ? options.max_parallel_blobs() : kDefaultParallelBlobs;
  return std::clamp(wanted, 1, std::max(1, pool.size()));
}

// Brings the blobs of the plan into the order in which the source has them.
void SortBlobs(const std::vector<Digest>& order, CopyPlan& plan) {
  std::map<Digest, size_t> positions;
  for (const Digest& digest : order) {
    positions.emplace(digest, positions.size());
  }
  const auto position = [&](const PlannedBlob& blob) {
    const auto found = positions.find(blob.source_digest);
    return found == positions.end() ? positions.size() : found->second;
  };
  for (PlannedImage& image : plan.images) {
    std::stable_sort(
        image.blobs.begin(), image.blobs.end(),
        [&](const PlannedBlob& a, const PlannedBlob& b) { return position(a) < position(b); });
  }
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
                       const v1::Platform& platform, Broker& broker, ThreadPool& pool,
                       bool decrypts, const KnownBlobs* known) {
  const absl::Time start = absl::Now();
  ProgressReporter progress(broker, options.omit_progress());
  UnwrapKey unwrap;
  if (decrypts) {
    unwrap = [&broker](const broker::WrappedKeys& wrapped) { return broker.UnwrapKey(wrapped); };
  }
  ASSIGN_OR_RETURN(CopyPlan plan, PlanCopy(from, to, options, platform, unwrap));
  if (plan.source_top.has_value()) {
    to.NoteSource(*plan.source_top);
  }
  if (const std::optional<int64_t> came_as = from.CameAs(); came_as.has_value()) {
    to.NoteCameAs(*came_as);
  }
  const std::vector<Digest> order = from.ReadingOrder();
  SortBlobs(order, plan);
  const int parallel = ParallelBlobs(options, to, !order.empty(), pool);
  ASSIGN_OR_RETURN(const auto made, CopyBlobs(from, to, plan, parallel, pool, progress, known));
  RETURN_IF_ERROR(FinishManifests(plan, made));
  absl::Status written = WriteManifests(plan, to, progress);
  written = written.ok() ? to.Publish(plan.top()) : written;
  if (!written.ok()) {
    RETURN_IF_ERROR(WriteInOtherTypes(from, to, options, written, plan, progress));
  }
  return progress.Finished(plan.top(), plan.warnings, absl::Now() - start);
}

}  // namespace holkas
