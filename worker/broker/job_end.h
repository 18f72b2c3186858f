#ifndef HOLKAS_WORKER_BROKER_JOB_END_H_
#define HOLKAS_WORKER_BROKER_JOB_END_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/wire/frame_channel.h"

namespace holkas {

// The last frames of a job, for worker/run_job alone: after its threads made their last call.

// Sends the serialised response, in as many frames as it needs.
// Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where it is larger than kMaxResultBytes; those of
// FrameChannel::Send.
absl::Status SendResult(FrameChannel& channel, absl::string_view result);

// Says how the job ended: code, reason, metadata and message of `status`, which are made fit to
// send. Nothing may follow.
// Errors: those of FrameChannel::Send.
absl::Status SendFinish(FrameChannel& channel, const absl::Status& status);

}  // namespace holkas

#endif  // HOLKAS_WORKER_BROKER_JOB_END_H_
