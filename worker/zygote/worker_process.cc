#include "worker/zygote/worker_process.h"

#include <stdio.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
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

void RunWorkerProcess(const ConfinePlan& plan, const JobTable& jobs, int channel_fd, unsigned uid) {
  if (absl::Status status = DetachFromZygote(plan, channel_fd, uid); !status.ok()) {
    Fail(status);
  }
  FrameChannel channel(UniqueFd(kChannelFd), FrameChannel::AcceptFds::kYes);
  broker::ServiceFrame frame;
  const auto received = channel.Receive(frame);
  if (absl::IsUnavailable(received.status())) {
    _exit(0);  // holkasd does not want it any more
  }
  if (!received.ok() || !frame.has_job() || !received->empty()) {
    Fail(absl::InternalError("confine worker: the first frame is not a job"));
  }
  const broker::JobSpec& job = frame.job();
  absl::StatusOr<std::unique_ptr<ThreadPool>> pool = Confine(plan, job);
  if (!pool.ok()) {
    Fail(pool.status());
  }
  broker::WorkerFrame ready;
  ready.mutable_ready()->set_tier(plan.tier);
  ready.mutable_ready()->set_landlock_abi(plan.landlock.abi);
  if (channel.Send(ready).ok()) {
    RunJob(jobs, job, channel, **pool);
  }
  _exit(0);
}

}  // namespace holkas
