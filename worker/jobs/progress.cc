#include "worker/jobs/progress.h"

#include "proto/wire/proto_duration.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Whether `blob` is to be reported: at once when its first bytes have come, then at intervals,
// also when nothing moves, so that the caller sees the copy alive.
bool IsDue(const MovingBlob& blob, int64_t done_bytes, absl::Time now) {
  const bool first_bytes = blob.reported_bytes == 0 && done_bytes > 0;
  return first_bytes || now - blob.reported_at >= kProgressInterval;
}

}  // namespace

absl::Status ProgressReporter::ImageStarted(const Digest& digest, int number, int total,
                                            int listed) {
  v1::CopyResponse response;
  v1::ImageStarted& event = *response.mutable_image_started();
  event.set_digest(digest.ToString());
  event.set_number(number);
  event.set_total(total);
  event.set_listed(listed);
  return broker_.SendEvent(response);
}

absl::Status ProgressReporter::BlobStarted(MovingBlob& blob, absl::Time now) {
  blob.reported_at = now;
  v1::CopyResponse response;
  v1::BlobStarted& event = *response.mutable_blob_started();
  event.set_digest(blob.digest.ToString());
  event.set_size_bytes(blob.size_bytes);
  event.set_kind(blob.kind);
  return broker_.SendEvent(response);
}

absl::Status ProgressReporter::Report(const std::vector<MovingBlob*>& blobs, absl::Time now) {
  if (broker_.Cancelled()) {
    return absl::CancelledError("nobody waits for the copy any more");
  }
  if (omit_progress_) {
    return absl::OkStatus();
  }
  for (MovingBlob* blob : blobs) {
    const int64_t done_bytes = blob->done_bytes.load(std::memory_order_relaxed);
    if (!IsDue(*blob, done_bytes, now)) {
      continue;
    }
    blob->reported_at = now;
    blob->reported_bytes = done_bytes;
    v1::CopyResponse response;
    v1::BlobProgress& event = *response.mutable_blob_progress();
    event.set_digest(blob->digest.ToString());
    event.set_done_bytes(done_bytes);
    event.set_size_bytes(blob->size_bytes);
    RETURN_IF_ERROR(broker_.SendEvent(response));
  }
  return absl::OkStatus();
}

absl::Status ProgressReporter::BlobFinished(const MovingBlob& blob, const MovedBlob& moved) {
  if (moved.outcome == v1::BLOB_OUTCOME_COPIED) {
    copied_bytes_ += blob.size_bytes;
    ++copied_blobs_;
  } else {
    ++reused_blobs_;
  }
  v1::CopyResponse response;
  v1::BlobFinished& event = *response.mutable_blob_finished();
  event.set_digest(blob.digest.ToString());
  event.set_size_bytes(blob.size_bytes);
  event.set_outcome(moved.outcome);
  event.set_kind(blob.kind);
  event.set_change(moved.change);
  if (moved.made.has_value()) {
    event.set_destination_digest(moved.made->digest.ToString());
    event.set_destination_size_bytes(moved.made->size_bytes);
  }
  return broker_.SendEvent(response);
}

absl::Status ProgressReporter::ManifestStarted(const Manifest& manifest) {
  v1::CopyResponse response;
  v1::ManifestStarted& event = *response.mutable_manifest_started();
  event.set_digest(manifest.digest().ToString());
  event.set_media_type(manifest.media_type());
  event.set_is_index(manifest.is_index());
  return broker_.SendEvent(response);
}

absl::Status ProgressReporter::Finished(const Manifest& top,
                                        const std::vector<std::string>& warnings,
                                        absl::Duration elapsed) {
  v1::CopyResponse response;
  v1::CopyResult& result = *response.mutable_result();
  result.set_manifest_digest(top.digest().ToString());
  result.set_media_type(top.media_type());
  result.set_copied_bytes(copied_bytes_);
  result.set_copied_blobs(copied_blobs_);
  result.set_reused_blobs(reused_blobs_);
  SetDuration(elapsed, *result.mutable_elapsed());
  for (const std::string& warning : warnings) {
    result.add_warnings(warning);
  }
  return broker_.SendEvent(response);
}

}  // namespace holkas
