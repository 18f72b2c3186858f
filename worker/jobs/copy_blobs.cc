#include "worker/jobs/copy_blobs.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/sha256_pairing.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/block_encoder.h"
#include "worker/blob/compressing_source.h"
#include "worker/blob/expansion_budget.h"
#include "worker/jobs/diff_digests.h"
#include "worker/jobs/move_blob.h"

namespace holkas {
namespace {

// The pipelines of one CopyBlobs. The thread that runs the copy starts them, sends all events, and
// waits; the pool's threads move bytes, count them, and say when they are done.
class BlobCopier {
 public:
  BlobCopier(ImageSource& from, ImageDestination& to, const CopyPlan& plan,
             std::unique_ptr<BlockFormat> format, int parallel, ThreadPool& pool,
             ProgressReporter& progress, const KnownBlobs* known)
      : plan_(plan),
        parallel_(parallel),
        pool_(pool),
        progress_(progress),
        compressor_(
            std::move(format),
            [&pool](std::function<void()> task) { pool.Schedule(std::move(task)); }, pool.size()),
        diff_digests_(from, plan),
        context_{.from = from,
                 .to = to,
                 .policy = plan.layers,
                 .recipients = plan.recipients,
                 .compressor = compressor_,
                 .pairing = pairing_,
                 .expansion = expansion_,
                 .check = [this] { return StopIfFailed(); },
                 .known = known,
                 .diff_digests = diff_digests_} {
    if (const std::optional<int64_t> came_as = from.CameAs(); came_as.has_value()) {
      expansion_->SetSize(*came_as);
    }
  }

  absl::Status CopyAll();
  // What layers became, by their digests at the source.
  std::map<Digest, MadeLayer>& made() { return made_; }
  // Waits until no pipeline runs; they refer to this object.
  absl::Status Drain();

 private:
  struct Pipeline {
    explicit Pipeline(const PlannedBlob& blob)
        : blob(blob), moving(blob.source_digest, blob.descriptor.size_bytes, blob.kind) {}
    const PlannedBlob& blob;
    MovingBlob moving;
    // Set by the pipeline's thread, before it says that it is done.
    absl::StatusOr<MovedBlob> moved = MovedBlob{};
  };

  absl::Status Start(const PlannedBlob& blob);
  // Waits until fewer than `count` pipelines run, reporting meanwhile.
  absl::Status WaitUntilFewerThan(size_t count);
  std::vector<Pipeline*> WaitForDone();
  absl::Status TakeDone(const std::vector<Pipeline*>& done);

  // On the pool's threads.
  void Run(Pipeline& pipeline);
  void Fail(const absl::Status& status);
  absl::Status StopIfFailed() const;
  // The first error: those that follow are of pipelines which it stopped.
  absl::Status Failure();

  const CopyPlan& plan_;
  const size_t parallel_;
  ThreadPool& pool_;
  ProgressReporter& progress_;
  Sha256Pairing pairing_;
  const std::shared_ptr<ExpansionBudget> expansion_ = std::make_shared<ExpansionBudget>();
  Compressor compressor_;
  DiffDigests diff_digests_;
  const MoveContext context_;
  std::map<Digest, MadeLayer> made_;

  // The running pipelines; the copy's thread alone looks at the list.
  std::vector<std::unique_ptr<Pipeline>> running_;
  std::atomic<bool> failed_ = false;
  absl::Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  absl::CondVar some_done_;
  std::vector<Pipeline*> done_ ABSL_GUARDED_BY(mutex_);
};

absl::Status BlobCopier::CopyAll() {
  int number = 0;
  for (const PlannedImage& image : plan_.images) {
    RETURN_IF_ERROR(progress_.ImageStarted(
        image.source_digest, ++number, static_cast<int>(plan_.images.size()), plan_.listed_images));
    for (const PlannedBlob& blob : image.blobs) {
      RETURN_IF_ERROR(WaitUntilFewerThan(parallel_));
      RETURN_IF_ERROR(Start(blob));
    }
  }
  return WaitUntilFewerThan(1);
}

absl::Status BlobCopier::Start(const PlannedBlob& blob) {
  auto pipeline = std::make_unique<Pipeline>(blob);
  RETURN_IF_ERROR(progress_.BlobStarted(pipeline->moving, absl::Now()));
  context_.to.ExpectBlob(blob.descriptor);
  Pipeline& started = *running_.emplace_back(std::move(pipeline));
  pool_.Schedule([this, &started] { Run(started); });
  return absl::OkStatus();
}

absl::Status BlobCopier::WaitUntilFewerThan(size_t count) {
  while (running_.size() >= count) {
    RETURN_IF_ERROR(TakeDone(WaitForDone()));
    std::vector<MovingBlob*> moving;
    for (const auto& pipeline : running_) {
      moving.push_back(&pipeline->moving);
    }
    RETURN_IF_ERROR(progress_.Report(moving, absl::Now()));
  }
  return absl::OkStatus();
}

std::vector<BlobCopier::Pipeline*> BlobCopier::WaitForDone() {
  absl::MutexLock lock(&mutex_);
  if (done_.empty()) {
    some_done_.WaitWithTimeout(&mutex_, kProgressTick);
  }
  return std::exchange(done_, {});
}

absl::Status BlobCopier::TakeDone(const std::vector<Pipeline*>& done) {
  absl::Status first_error;
  for (const Pipeline* pipeline : done) {
    const auto found = std::find_if(running_.begin(), running_.end(),
                                    [&](const auto& p) { return p.get() == pipeline; });
    const std::unique_ptr<Pipeline> ended = std::move(*found);
    running_.erase(found);
    if (!ended->moved.ok()) {
      first_error.Update(Failure());
      continue;
    }
    // Manifests have decrypted layers from the beginning.
    if (ended->moved->made.has_value() && ended->moved->change != v1::LAYER_CHANGE_DECRYPTED) {
      made_.emplace(ended->blob.descriptor.digest, *ended->moved->made);
    }
    first_error.Update(progress_.BlobFinished(ended->moving, *ended->moved));
  }
  return first_error;
}

absl::Status BlobCopier::Drain() {
  failed_ = true;
  if (!running_.empty()) {
    context_.to.Cancel();
  }
  while (!running_.empty()) {
    for (const Pipeline* pipeline : WaitForDone()) {
      running_.erase(std::find_if(running_.begin(), running_.end(),
                                  [&](const auto& p) { return p.get() == pipeline; }));
    }
  }
  return absl::OkStatus();
}

void BlobCopier::Run(Pipeline& pipeline) {
  pipeline.moved = MoveBlob(context_, pipeline.blob, pipeline.moving.done_bytes);
  if (pipeline.moved.ok()) {
    if (absl::Status ended = context_.to.EndBlob(pipeline.blob.descriptor); !ended.ok()) {
      pipeline.moved = std::move(ended);
    }
  }
  if (!pipeline.moved.ok()) {
    Fail(pipeline.moved.status());
    context_.to.Cancel();
  }
  absl::MutexLock lock(&mutex_);
  done_.push_back(&pipeline);
  some_done_.Signal();
}

void BlobCopier::Fail(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  failure_.Update(status);
  failed_ = true;
}

absl::Status BlobCopier::Failure() {
  absl::MutexLock lock(&mutex_);
  return failure_;
}

absl::Status BlobCopier::StopIfFailed() const {
  return failed_ ? absl::CancelledError("another blob failed") : absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::map<Digest, MadeLayer>> CopyBlobs(ImageSource& from, ImageDestination& to,
                                                      const CopyPlan& plan, int parallel,
                                                      ThreadPool& pool, ProgressReporter& progress,
                                                      const KnownBlobs* known) {
  ASSIGN_OR_RETURN(std::unique_ptr<BlockFormat> format, FormatOf(plan.layers));
  BlobCopier copier(from, to, plan, std::move(format), parallel, pool, progress, known);
  absl::Status status = copier.CopyAll();
  copier.Drain().IgnoreError();
  RETURN_IF_ERROR(status);
  return std::move(copier.made());
}

}  // namespace holkas
