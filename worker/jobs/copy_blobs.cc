#include "worker/jobs/copy_blobs.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/wire/sha256_pairing.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/byte_sink.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/copy_bytes.h"
#include "worker/blob/size_checked_source.h"
#include "worker/blob/string_source.h"
#include "worker/blob/verifying_source.h"

namespace holkas {
namespace {

// How often a blob is read again since its destination lost what it had of it.
constexpr int kMaxRewinds = 3;

// The pipelines of one CopyBlobs. The thread that runs the copy starts them, sends all events, and
// waits; the pool's threads move bytes, count them, and say when they are done.
class BlobCopier {
 public:
  BlobCopier(ImageSource& from, ImageDestination& to, int parallel, ThreadPool& pool,
             ProgressReporter& progress)
      : from_(from), to_(to), parallel_(parallel), pool_(pool), progress_(progress) {}

  absl::Status CopyAll(const CopyPlan& plan);
  // Waits until no pipeline runs; they refer to this object.
  absl::Status Drain();

 private:
  struct Pipeline {
    explicit Pipeline(const PlannedBlob& blob)
        : blob(blob), moving(blob.source_digest, blob.descriptor.size_bytes, blob.kind) {}
    const PlannedBlob& blob;
    MovingBlob moving;
    // Set by the pipeline's thread, before it says that it is done.
    absl::StatusOr<v1::BlobOutcome> outcome = v1::BLOB_OUTCOME_UNSPECIFIED;
  };

  absl::Status Start(const PlannedBlob& blob);
  // Waits until fewer than `count` pipelines run, reporting meanwhile.
  absl::Status WaitUntilFewerThan(size_t count);
  std::vector<Pipeline*> WaitForDone();
  absl::Status TakeDone(const std::vector<Pipeline*>& done);

  // On the pool's threads.
  void Run(Pipeline& pipeline);
  absl::StatusOr<v1::BlobOutcome> Move(Pipeline& pipeline);
  absl::Status MoveBytes(Pipeline& pipeline);
  absl::Status MoveInto(ByteSink& sink, std::unique_ptr<ByteSource> source, Pipeline& pipeline);
  absl::StatusOr<std::unique_ptr<ByteSource>> Open(const PlannedBlob& blob);
  absl::Status StopIfFailed() const;

  ImageSource& from_;
  ImageDestination& to_;
  const size_t parallel_;
  ThreadPool& pool_;
  ProgressReporter& progress_;
  Sha256Pairing pairing_;

  // The running pipelines; the copy's thread alone looks at the list.
  std::vector<std::unique_ptr<Pipeline>> running_;
  std::atomic<bool> failed_ = false;
  absl::Mutex mutex_;
  absl::CondVar some_done_;
  std::vector<Pipeline*> done_ ABSL_GUARDED_BY(mutex_);
};

absl::Status BlobCopier::CopyAll(const CopyPlan& plan) {
  int number = 0;
  for (const PlannedImage& image : plan.images) {
    RETURN_IF_ERROR(progress_.ImageStarted(
        image.source_digest, ++number, static_cast<int>(plan.images.size()), plan.listed_images));
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
    first_error.Update(ended->outcome.ok() ? progress_.BlobFinished(ended->moving, *ended->outcome)
                                           : ended->outcome.status());
  }
  return first_error;
}

absl::Status BlobCopier::Drain() {
  failed_ = true;
  while (!running_.empty()) {
    for (const Pipeline* pipeline : WaitForDone()) {
      running_.erase(std::find_if(running_.begin(), running_.end(),
                                  [&](const auto& p) { return p.get() == pipeline; }));
    }
  }
  return absl::OkStatus();
}

void BlobCopier::Run(Pipeline& pipeline) {
  pipeline.outcome = Move(pipeline);
  absl::MutexLock lock(&mutex_);
  if (!pipeline.outcome.ok()) {
    failed_ = true;
  }
  done_.push_back(&pipeline);
  some_done_.Signal();
}

absl::StatusOr<v1::BlobOutcome> BlobCopier::Move(Pipeline& pipeline) {
  RETURN_IF_ERROR(StopIfFailed());
  ASSIGN_OR_RETURN(const ImageDestination::Reuse reuse, to_.ReuseBlob(pipeline.blob.descriptor));
  switch (reuse) {
    case ImageDestination::Reuse::kPresent:
      return v1::BLOB_OUTCOME_ALREADY_PRESENT;
    case ImageDestination::Reuse::kMounted:
      return v1::BLOB_OUTCOME_MOUNTED;
    case ImageDestination::Reuse::kAbsent:
      break;
  }
  RETURN_IF_ERROR(MoveBytes(pipeline));
  return v1::BLOB_OUTCOME_COPIED;
}

absl::Status BlobCopier::MoveBytes(Pipeline& pipeline) {
  const Descriptor& blob = pipeline.blob.descriptor;
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, Open(pipeline.blob));
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSink> sink, to_.CreateBlob(blob));
  absl::Status status = MoveInto(*sink, std::move(source), pipeline);
  for (int i = 0; i < kMaxRewinds && !status.ok() && !failed_ && sink->Rewind().ok(); ++i) {
    ASSIGN_OR_RETURN(source, Open(pipeline.blob));
    status = MoveInto(*sink, std::move(source), pipeline);
  }
  return status;
}

absl::Status BlobCopier::MoveInto(ByteSink& sink, std::unique_ptr<ByteSource> source,
                                  Pipeline& pipeline) {
  const Descriptor& blob = pipeline.blob.descriptor;
  // Before what reads into it, so that it is there longer.
  const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  std::unique_ptr<ByteSource> checked;
  if (sink.VerifiesContent()) {
    checked = std::make_unique<SizeCheckedSource>(std::move(source), blob.digest, blob.size_bytes);
  } else {
    checked = std::make_unique<VerifyingSource>(std::move(source), blob.digest, blob.size_bytes,
                                                &pairing_);
  }
  const absl::Span<char> span(buffer.get(), kCopyBufferBytes);
  RETURN_IF_ERROR(CopyBytes(*checked, sink, span, [&](int64_t done_bytes) {
                    std::atomic<int64_t>& done = pipeline.moving.done_bytes;
                    // What is moved a second time is no progress.
                    done.store(std::max(done_bytes, done.load(std::memory_order_relaxed)),
                               std::memory_order_relaxed);
                    return StopIfFailed();
                  }).status());
  return sink.Finish(blob.digest, blob.size_bytes);
}

absl::StatusOr<std::unique_ptr<ByteSource>> BlobCopier::Open(const PlannedBlob& blob) {
  if (blob.content.has_value()) {
    return std::make_unique<StringSource>(*blob.content);
  }
  return from_.OpenBlob(blob.descriptor);
}

absl::Status BlobCopier::StopIfFailed() const {
  return failed_ ? absl::CancelledError("another blob failed") : absl::OkStatus();
}

}  // namespace

absl::Status CopyBlobs(ImageSource& from, ImageDestination& to, const CopyPlan& plan, int parallel,
                       ThreadPool& pool, ProgressReporter& progress) {
  BlobCopier copier(from, to, parallel, pool, progress);
  absl::Status status = copier.CopyAll(plan);
  copier.Drain().IgnoreError();
  return status;
}

}  // namespace holkas
