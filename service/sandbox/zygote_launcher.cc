#include "service/sandbox/zygote_launcher.h"

#include <stdio.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "broker/broker.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/sandbox/spawn_zygote.h"
#include "service/sandbox/zygote_supervisor.h"

namespace holkas {
namespace {

// A zygote is there in 20 ms, a worker in 1: more means that the machine has stopped.
constexpr absl::Duration kStartTimeout = absl::Seconds(20);
constexpr absl::Duration kLaunchTimeout = absl::Seconds(10);
constexpr absl::Duration kEndTimeout = absl::Seconds(10);

// Best first.
constexpr v1::SandboxTier kTiers[] = {v1::SANDBOX_TIER_FULL, v1::SANDBOX_TIER_LANDLOCK,
                                      v1::SANDBOX_TIER_SECCOMP};

void LogToStandardError(absl::string_view line) {
  fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

ZygoteSupervisor::Options SupervisorOptions(const ZygoteLauncher::Options& options,
                                            const ZygoteKind& kind) {
  ZygoteSupervisor::Options one;
  one.worker_path = options.worker_path;
  one.kind = kind;
  one.extra_args = options.extra_args;
  one.workers_per_zygote = options.workers_per_zygote;
  one.log = options.log ? options.log : LogToStandardError;
  return one;
}

absl::Status NoStorage(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SANDBOX_FAILED",
                   absl::StrCat("open storage: no worker can be confined here that may have a "
                                "store: ",
                                why));
}

class ZygoteWorker : public Worker {
 public:
  ZygoteWorker(ZygoteSupervisor& supervisor, std::shared_ptr<WorkerRecord> record, UniqueFd channel)
      : supervisor_(supervisor),
        record_(std::move(record)),
        channel_(std::move(channel), FrameChannel::AcceptFds::kNo) {}
  ~ZygoteWorker() override {
    record_->Kill();
    record_->AwaitEnd(absl::Now() + kEndTimeout).status().IgnoreError();
  }

  FrameChannel& channel() override { return channel_; }
  void Kill() override { record_->Kill(); }
  void Distrust() override {
    supervisor_.Distrust(*record_);
    record_->Kill();
  }
  absl::StatusOr<WorkerExit> Wait(absl::Time deadline) override {
    return record_->AwaitEnd(deadline);
  }
  bool serviceable() const override { return supervisor_.Trusts(*record_); }
  int pid() const override { return record_->pid(); }

 private:
  ZygoteSupervisor& supervisor_;
  const std::shared_ptr<WorkerRecord> record_;  // the supervisor has it until the worker's end
  FrameChannel channel_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ZygoteLauncher>> ZygoteLauncher::Start(Options options) {
  if (options.worker_path.empty()) {
    ASSIGN_OR_RETURN(options.worker_path, WorkerBesideSelf());
  }
  std::string reasons;
  for (v1::SandboxTier tier : kTiers) {
    if (tier > options.best_tier || tier < options.required_tier) {
      continue;
    }
    std::unique_ptr<ZygoteLauncher> launcher(new ZygoteLauncher(options, tier));
    const absl::Status status = launcher->TryOut();
    if (status.ok()) {
      return launcher;
    }
    if (absl::IsNotFound(status)) {
      return status;
    }
    absl::StrAppend(&reasons, "; tier ", TierName(tier), ": ", std::string(status.message()));
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "SANDBOX_FAILED",
                   absl::StrCat("start sandbox: no worker can be confined here", reasons));
}

ZygoteLauncher::ZygoteLauncher(const Options& options, v1::SandboxTier tier)
    : options_(options),
      supervisor_(std::make_unique<ZygoteSupervisor>(SupervisorOptions(options, {.tier = tier}))),
      tier_(tier) {}

ZygoteLauncher::~ZygoteLauncher() = default;

// A worker without a job: confines itself, says so, ends. Another one is killed, because a holkasd
// that cannot kill its workers must not have any.
absl::Status ZygoteLauncher::TryOut() {
  RETURN_IF_ERROR(supervisor_->AwaitServing(absl::Now() + kStartTimeout));
  broker::ServiceFrame job;
  job.mutable_job();
  ASSIGN_OR_RETURN(const std::unique_ptr<Worker> worker, Launch({}));
  // A worker that could not be confined is gone already: Receive and Wait tell.
  worker->channel().Send(job).IgnoreError();
  broker::WorkerFrame frame;
  const auto received = worker->channel().Receive(frame, absl::Now() + kLaunchTimeout);
  if (!received.ok() || !frame.has_ready() || frame.ready().tier() != tier_) {
    const auto end = worker->Wait(absl::Now() + kEndTimeout);
    return absl::InternalError(absl::StrCat("the worker did not say that it is confined; it ",
                                            end.ok() ? end->ToString() : "still runs"));
  }
  landlock_abi_ = frame.ready().landlock_abi();

  ASSIGN_OR_RETURN(const std::unique_ptr<Worker> victim, Launch({}));
  victim->Kill();
  ASSIGN_OR_RETURN(const WorkerExit end, victim->Wait(absl::Now() + kEndTimeout));
  if (end.how != WorkerExit::How::kKilled) {
    return absl::InternalError("a worker cannot be killed");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Worker>> ZygoteLauncher::Launch(const WorkerNeeds& needs) {
  ZygoteSupervisor* supervisor = supervisor_.get();
  if (!needs.directories.empty()) {
    ASSIGN_OR_RETURN(const std::shared_ptr<ZygoteSupervisor> storage, Storage());
    supervisor = storage.get();  // and stays, since it has served
  }
  ASSIGN_OR_RETURN(auto ends, FrameChannel::NewPair());
  ASSIGN_OR_RETURN(std::shared_ptr<WorkerRecord> record,
                   supervisor->Launch(needs, ends.second.get(), absl::Now() + kLaunchTimeout));
  return std::make_unique<ZygoteWorker>(*supervisor, std::move(record), std::move(ends.first));
}

absl::StatusOr<std::vector<UniqueFd>> ZygoteLauncher::OpenTrees(const std::vector<Tree>& trees) {
  ASSIGN_OR_RETURN(const std::shared_ptr<ZygoteSupervisor> storage, Storage());
  return storage->OpenTrees(trees, absl::Now() + kLaunchTimeout);
}

absl::StatusOr<std::shared_ptr<ZygoteSupervisor>> ZygoteLauncher::Storage() {
  if (tier_ != v1::SANDBOX_TIER_FULL) {
    return NoStorage(
        absl::StrCat("that takes namespaces and Landlock, and here is tier ", TierName(tier_)));
  }
  absl::MutexLock lock(&storage_mutex_);
  if (storage_ == nullptr) {
    auto storage = std::make_shared<ZygoteSupervisor>(
        SupervisorOptions(options_, {.tier = tier_, .storage = true}));
    if (absl::Status status = storage->AwaitServing(absl::Now() + kStartTimeout); !status.ok()) {
      return NoStorage(status.message());
    }
    storage_ = std::move(storage);
  }
  return storage_;
}

v1::SandboxTier ZygoteLauncher::tier() const { return tier_; }

int ZygoteLauncher::landlock_abi() const { return landlock_abi_; }

int ZygoteLauncher::zygote_pid() const { return supervisor_->zygote_pid(); }

}  // namespace holkas
