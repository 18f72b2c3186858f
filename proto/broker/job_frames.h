#ifndef HOLKAS_PROTO_BROKER_JOB_FRAMES_H_
#define HOLKAS_PROTO_BROKER_JOB_FRAMES_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "proto/wire/frame_channel.h"

namespace holkas {

// How a job comes to its worker: in one frame, or in several where its certificates make it larger
// than a frame (BROKER.md). The service sends, the worker receives.

// A job never has more bytes than this: some twenty registries and mirrors with as many
// certificates as one may have.
inline constexpr size_t kMaxJobBytes = 1 << 20;

// Sends `job`. Blocks while the socket is full, until `deadline`: a job of several frames needs a
// worker that reads them.
// Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where it is larger than kMaxJobBytes, and then
// nothing was sent; those of FrameChannel::Send.
absl::Status SendJob(FrameChannel& channel, const broker::JobSpec& job, absl::Time deadline);

// Waits for a whole job.
// Errors: INVALID_ARGUMENT for what is none or larger than kMaxJobBytes; those of
// FrameChannel::Receive.
absl::StatusOr<broker::JobSpec> ReceiveJob(FrameChannel& channel);

}  // namespace holkas

#endif  // HOLKAS_PROTO_BROKER_JOB_FRAMES_H_
