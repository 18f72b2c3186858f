#ifndef HOLKAS_WORKER_JOBS_PROGRESS_H_
#define HOLKAS_WORKER_JOBS_PROGRESS_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/digest.h"
#include "worker/broker/broker.h"
#include "worker/image/manifest.h"
#include "worker/image/rewrite_manifest.h"

namespace holkas {

// While nothing else is to be told of a blob, this is how often it is reported.
inline constexpr absl::Duration kProgressInterval = absl::Milliseconds(250);
// How often the reporter looks at the blobs, so that a blob's first bytes are reported within
// 100 ms.
inline constexpr absl::Duration kProgressTick = absl::Milliseconds(50);

// What became of a blob.
struct MovedBlob {
  v1::BlobOutcome outcome = v1::BLOB_OUTCOME_UNSPECIFIED;
  v1::LayerChange change = v1::LAYER_CHANGE_UNSPECIFIED;
  // What it is at the destination, where it was changed.
  std::optional<MadeLayer> made = std::nullopt;
};

// A blob on its way. The thread that moves it counts its bytes, the reporter reads the count.
struct MovingBlob {
  MovingBlob(const Digest& digest, int64_t size_bytes, v1::BlobKind kind)
      : digest(digest), size_bytes(size_bytes), kind(kind) {}

  const Digest digest;
  const int64_t size_bytes;
  const v1::BlobKind kind;
  std::atomic<int64_t> done_bytes = 0;

  // The reporter's own.
  absl::Time reported_at;
  int64_t reported_bytes = 0;
};

// Tells the caller of a copy what happens, and adds up the result. All calls come from the thread
// that runs the copy, so that events have one order; they block only while holkasd is slower than
// the worker. Errors: those of Broker::SendEvent.
class ProgressReporter {
 public:
  // `omit_progress`: as in CopyRequest.
  ProgressReporter(Broker& broker, bool omit_progress)
      : broker_(broker), omit_progress_(omit_progress) {}

  // Image `number` of `total` begins; `listed` as in v1::ImageStarted.
  absl::Status ImageStarted(const Digest& digest, int number, int total, int listed);
  absl::Status BlobStarted(MovingBlob& blob, absl::Time now);
  // Reports each of `blobs` that is due. Errors, also: CANCELLED where nobody waits for the copy
  // any more.
  absl::Status Report(const std::vector<MovingBlob*>& blobs, absl::Time now);
  absl::Status BlobFinished(const MovingBlob& blob, const MovedBlob& moved);
  absl::Status ManifestStarted(const Manifest& manifest);
  // The copy is done. The last call.
  absl::Status Finished(const Manifest& top, const std::vector<std::string>& warnings,
                        absl::Duration elapsed);

 private:
  Broker& broker_;
  const bool omit_progress_;
  int64_t copied_bytes_ = 0;
  int copied_blobs_ = 0;
  int reused_blobs_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_PROGRESS_H_
