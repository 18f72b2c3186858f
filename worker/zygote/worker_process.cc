#include "worker/zygote/worker_process.h"

#include <stdio.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/broker/job_frames.h"
#include "proto/wire/frame_channel.h"
#include "proto/wire/unique_fd.h"
#include "worker/confine/syscall_policy.h"

namespace holkas {
namespace {

[[noreturn]] void Fail(const absl::Status& status) {
  const std::string line = absl::StrCat(std::string(status.message()), "\n");
  (void)!write(STDERR_FILENO, line.data(), line.size());
  _exit(kExitSandboxFailed);
}

}  // namespace

void RunWorkerProcess(const ConfinePlan& plan, const JobTable& jobs, const WorkerStart& start) {
  if (absl::Status status = DetachFromZygote(plan, start); !status.ok()) {
    Fail(status);
  }
  absl::StatusOr<std::unique_ptr<ThreadPool>> pool = Confine(plan, start);
  if (!pool.ok()) {
    Fail(pool.status());
  }
  FrameChannel channel(UniqueFd(kChannelFd), FrameChannel::AcceptFds::kYes);
  broker::WorkerFrame ready;
  ready.mutable_ready()->set_tier(plan.tier);
  ready.mutable_ready()->set_landlock_abi(plan.landlock.abi);
  if (!channel.Send(ready).ok()) {
    _exit(0);  // holkasd does not want it any more
  }
  const absl::StatusOr<broker::JobSpec> job = ReceiveJob(channel);
  if (!job.ok()) {
    _exit(absl::IsInvalidArgument(job.status()) ? kExitSandboxFailed : 0);
  }
  RunJob(jobs, *job, channel, **pool);
  _exit(0);
}

}  // namespace holkas
