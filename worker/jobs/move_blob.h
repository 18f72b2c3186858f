#ifndef HOLKAS_WORKER_JOBS_MOVE_BLOB_H_
#define HOLKAS_WORKER_JOBS_MOVE_BLOB_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/sha256_pairing.h"
#include "worker/blob/compressing_source.h"
#include "worker/blob/expansion_budget.h"
#include "worker/crypt/layer_recipients.h"
#include "worker/jobs/copy_plan.h"
#include "worker/jobs/diff_digests.h"
#include "worker/jobs/known_blobs.h"
#include "worker/jobs/layer_policy.h"
#include "worker/jobs/progress.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"

namespace holkas {

// What the pipelines of one copy have in common. All of it outlives them.
struct MoveContext {
  ImageSource& from;
  ImageDestination& to;
  const LayerPolicy& policy;
  // Who may read what is encrypted; nobody where nothing is.
  const std::optional<LayerRecipients>& recipients;
  // What compresses by the policy.
  Compressor& compressor;
  Sha256Pairing& pairing;
  // Of what is decompressed.
  const std::shared_ptr<ExpansionBudget>& expansion;
  // Whether to give up, at the next buffer.
  std::function<absl::Status()> check;
  // Null where nothing is remembered of blobs.
  const KnownBlobs* known;
  DiffDigests& diff_digests;
};

// Brings one blob to the destination, verified, decrypted and encrypted where the plan says so, and
// changed where the policy does. One that the destination has, or can take over, is not read, under
// its own name or that of another form of the same content, which the source remembers or holkasd
// does. Blocks. `done_bytes`
// grows to the blob's size at the source.
// Errors: those of the source, the destination and `check`; DATA_LOSS (CONTENT_MISMATCH);
// FAILED_PRECONDITION (INVALID_COMPRESSION); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::StatusOr<MovedBlob> MoveBlob(const MoveContext& context, const PlannedBlob& blob,
                                   std::atomic<int64_t>& done_bytes);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_MOVE_BLOB_H_
