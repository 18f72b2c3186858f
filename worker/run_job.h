#ifndef HOLKAS_WORKER_RUN_JOB_H_
#define HOLKAS_WORKER_RUN_JOB_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "broker/broker.pb.h"
#include "proto/wire/frame_channel.h"
#include "worker/broker/broker.h"
#include "worker/jobs/job.h"

namespace holkas {

// The jobs that a worker program can do; null where it cannot.
struct JobTable {
  absl::StatusOr<v1::InspectResponse> (*inspect)(const broker::JobSpec& job,
                                                 Broker& broker) = nullptr;
  absl::StatusOr<broker::TokenResponse> (*fetch_token)(const broker::JobSpec& job,
                                                       Broker& broker) = nullptr;
  absl::StatusOr<broker::LayerKey> (*unwrap_key)(const broker::UnwrapRequest& request) = nullptr;
  absl::Status (*check_credentials)(const broker::JobSpec& job, Broker& broker) = nullptr;
  absl::Status (*mount_blob)(const broker::JobSpec& job, Broker& broker) = nullptr;
  absl::Status (*copy)(const broker::JobSpec& job, Broker& broker, ThreadPool& pool) = nullptr;
  absl::StatusOr<v1::DeleteResponse> (*delete_image)(const broker::JobSpec& job,
                                                     Broker& broker) = nullptr;
  absl::Status (*list_tags)(const broker::JobSpec& job, Broker& broker) = nullptr;
  // Of the test worker alone.
  absl::Status (*attack)(absl::string_view name, FrameChannel& channel, ThreadPool& pool) = nullptr;
};

// Runs the job in a confined worker and tells its result and Finish over `channel`. Does not fail:
// where holkasd is gone, nobody is left to tell.
void RunJob(const JobTable& jobs, const broker::JobSpec& job, FrameChannel& channel,
            ThreadPool& pool);

}  // namespace holkas

#endif  // HOLKAS_WORKER_RUN_JOB_H_
