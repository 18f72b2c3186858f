#include "service/broker/broker_session.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "proto/broker/job_frames.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"
#include "service/broker/call_table.h"
#include "service/broker/job_calls.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

// How often `cancelled` is asked at least.
constexpr absl::Duration kTick = absl::Milliseconds(50);
// How long a worker may take to end its uploads, when nobody waits for them any more.
constexpr absl::Duration kStopTime = absl::Seconds(1);
// How often a lock that another process holds is tried.
constexpr absl::Duration kLockTick = absl::Milliseconds(5);
// How long a worker may keep a layout's lock.
constexpr absl::Duration kMaxLockHold = absl::Seconds(10);
// Frames that are read in one tick; a worker that sends more waits.
constexpr int kMaxFramesPerTick = 500;
constexpr size_t kMaxOutstandingCalls = 64;
// Replies to so many calls fit into the socket: a worker that makes one wait does not read them.
constexpr absl::Duration kReplyLimit = absl::Milliseconds(40);
// A job of several frames waits for the worker to have confined itself.
constexpr absl::Duration kSendJobLimit = absl::Seconds(5);
constexpr size_t kMaxReplyMessageBytes = 512;
// How many tasks of one job run at once.
constexpr int kMaxNetworkTasks = 16;
constexpr int kMaxDiskTasks = 8;

// A call that a thread of a pool has served.
struct ServedCall {
  uint32_t call_id;
  const CallRow* row;
  absl::StatusOr<Answer> answer;
};

}  // namespace

class BrokerSession::State {
 public:
  State(FrameChannel& channel, Options options);
  JobOutcome Run();

 private:
  void SendJob();
  void Wait();
  void CheckTime();
  // Has the worker of a copy to a registry end its uploads before it ends, and other workers at
  // once.
  void Stop(absl::Status why);
  void TakeServedCalls();
  void ServeLine();
  void ReceiveFrames();
  // Whether what the worker says is to be left unread in this tick.
  bool WorkerHasToWait() const {
    return frames_in_tick_ >= kMaxFramesPerTick ||
           (options_.reader_is_behind && options_.reader_is_behind());
  }
  void Dispatch(const broker::WorkerFrame& frame);
  absl::Status CheckFrame(const CallRow* row, const broker::WorkerFrame& frame);
  void Serve(const CallRow& row, const broker::WorkerFrame& frame);
  void ServeOnPool(const CallRow& row, const broker::WorkerFrame& frame);
  void Finished();
  // Ends a call: changes the phase, answers.
  void Reply(uint32_t call_id, const CallRow& row, absl::StatusOr<Answer> answer);
  void End(absl::Status status, bool worker_is_suspect);
  JobOutcome CleanUp();
  void Wake() { [[maybe_unused]] int ignored = eventfd_write(wake_.get(), 1); }

  FrameChannel& channel_;
  const Options options_;
  const absl::Time deadline_;
  const std::unique_ptr<BrokerResources> own_resources_;
  BrokerResources& resources_;
  UniqueFd wake_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  Cancellation cancellation_;

  bool ended_ = false;
  JobOutcome outcome_;
  Phase phase_ = kStarting;
  std::set<const CallRow*> said_;
  std::set<uint32_t> outstanding_;
  std::optional<std::pair<uint32_t, const CallRow*>> in_line_;  // the BeginPublish that waits
  bool publish_is_under_way_ = false;
  absl::Time lock_until_ = absl::InfiniteFuture();
  // Why the job is being stopped, and how long the worker may take.
  absl::Status stopping_;
  absl::Time stop_until_ = absl::InfiniteFuture();
  absl::Time tick_end_;
  bool tick_begins_ = false;
  int frames_in_tick_ = 0;

  absl::Mutex mutex_;
  std::vector<ServedCall> served_ ABSL_GUARDED_BY(mutex_);

  // Last, so that their tasks end before what these use.
  JobCalls calls_;
  WorkPool::Client network_;
  WorkPool::Client disk_;
};

BrokerSession::State::State(FrameChannel& channel, Options options)
    : channel_(channel),
      options_(std::move(options)),
      deadline_(std::min(options_.deadline, absl::Now() + options_.grants.max_run_time)),
      own_resources_(options_.resources == nullptr ? std::make_unique<BrokerResources>() : nullptr),
      resources_(options_.resources == nullptr ? *own_resources_ : *options_.resources),
      calls_(options_.grants, options_.job, resources_, cancellation_,
             {options_.on_event, options_.on_log, options_.authorize, options_.unwrap_key,
              options_.on_tags, options_.blobs},
             {options_.source_store, options_.destination_store, options_.source_root,
              options_.source_files, options_.source_blobs}),
      network_(resources_.network, kMaxNetworkTasks),
      disk_(resources_.disk, kMaxDiskTasks) {}

JobOutcome BrokerSession::State::Run() {
  if (absl::Status status = calls_.Check(); !status.ok()) {
    End(status, false);
    return CleanUp();
  }
  SendJob();
  while (!ended_) {
    Wait();
    CheckTime();
    TakeServedCalls();
    ServeLine();
    ReceiveFrames();
  }
  return CleanUp();
}

void BrokerSession::State::SendJob() {
  absl::Status sent = holkas::SendJob(channel_, options_.job, absl::Now() + kSendJobLimit);
  if (absl::IsUnavailable(sent) || absl::IsDeadlineExceeded(sent)) {
    End(MakeError(absl::StatusCode::kInternal, "WORKER_DIED", "the worker died at once"), true);
  } else if (!sent.ok()) {
    End(std::move(sent), false);
  }
}

void BrokerSession::State::Wait() {
  absl::Time now = absl::Now();
  tick_begins_ = now >= tick_end_;
  if (tick_begins_) {
    tick_end_ = now + kTick;
    frames_in_tick_ = 0;
  }
  absl::Time until = std::min({tick_end_, stopping_.ok() ? deadline_ : stop_until_, lock_until_});
  if (in_line_.has_value()) {
    until = std::min(until, now + kLockTick);
  }
  pollfd entries[] = {{wake_.get(), POLLIN, 0},
                      {WorkerHasToWait() ? -1 : channel_.fd(), POLLIN, 0}};
  absl::Duration wait = std::max(until - now, absl::ZeroDuration());
  poll(entries, 2,
       static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1)))));
  eventfd_t ignored = 0;
  eventfd_read(wake_.get(), &ignored);
}

void BrokerSession::State::CheckTime() {
  if (!stopping_.ok()) {
    if (absl::Now() >= stop_until_) {
      End(stopping_, false);
    }
  } else if (options_.cancelled && options_.cancelled()) {
    Stop(absl::CancelledError("the caller cancelled the call"));
  } else if (absl::Now() >= deadline_) {
    Stop(absl::DeadlineExceededError(
        deadline_ == options_.deadline
            ? "the caller's deadline passed"
            : absl::StrCat("the job took longer than the limit of ",
                           absl::FormatDuration(options_.grants.max_run_time))));
  }
  if (absl::Status spool = tick_begins_ ? calls_.CheckSpool() : absl::OkStatus(); !spool.ok()) {
    End(std::move(spool), false);
  }
  if (!ended_ && absl::Now() >= lock_until_) {
    lock_until_ = absl::InfiniteFuture();
    if (calls_.has_lock()) {
      calls_.GiveUpLock();  // Publish will be answered with ABORTED
      phase_ = kRunning;
    }
  }
}

void BrokerSession::State::Stop(absl::Status why) {
  const bool may_upload =
      options_.job.has_copy() && options_.grants.destination_registry.has_value();
  broker::ServiceFrame frame;
  frame.mutable_cancel();
  if (!may_upload || phase_ == kStarting ||
      !channel_.Send(frame, {}, absl::Now() + kStopTime).ok()) {
    End(std::move(why), false);
    return;
  }
  stopping_ = std::move(why);
  stop_until_ = absl::Now() + kStopTime;
}

void BrokerSession::State::TakeServedCalls() {
  std::vector<ServedCall> served;
  {
    absl::MutexLock lock(&mutex_);
    served.swap(served_);
  }
  for (ServedCall& call : served) {
    Reply(call.call_id, *call.row, std::move(call.answer));
  }
}

void BrokerSession::State::ServeLine() {
  if (ended_ || !in_line_.has_value()) {
    return;
  }
  absl::StatusOr<std::optional<Answer>> answer = calls_.TryLock();
  if (answer.ok() && !answer->has_value()) {
    return;
  }
  auto [call_id, row] = *in_line_;
  in_line_.reset();
  if (answer.ok()) {
    lock_until_ = absl::Now() + kMaxLockHold;
    Reply(call_id, *row, *std::move(*answer));
  } else {
    Reply(call_id, *row, answer.status());
  }
}

void BrokerSession::State::ReceiveFrames() {
  while (!ended_ && !WorkerHasToWait()) {
    broker::WorkerFrame frame;
    absl::Status received = channel_.Receive(frame, absl::InfinitePast()).status();
    if (absl::IsDeadlineExceeded(received)) {
      return;
    }
    if (absl::IsInvalidArgument(received)) {
      End(Violation(received.message()), true);
    } else if (!received.ok()) {
      End(MakeError(absl::StatusCode::kInternal, "WORKER_DIED",
                    "the worker died before its job was over"),
          true);
    } else {
      ++frames_in_tick_;
      Dispatch(frame);
    }
  }
}

absl::Status BrokerSession::State::CheckFrame(const CallRow* row,
                                              const broker::WorkerFrame& frame) {
  if (row == nullptr) {
    return Violation("an unknown call");
  }
  if ((row->permitted & phase_) == 0) {
    return Violation(absl::StrCat(row->name, " is not permitted now"));
  }
  if (!IsGranted(*row, frame, calls_)) {
    return Violation(absl::StrCat(row->name, " is not granted to this job"));
  }
  if (!said_.insert(row).second && row->once) {
    return Violation(absl::StrCat(row->name, " is permitted once"));
  }
  uint32_t id = frame.call_id();
  if ((row->lane == Lane::kNote) != (id == 0)) {
    return Violation(absl::StrCat(row->name, " with the call number ", id));
  }
  if (id != 0 && outstanding_.count(id) > 0) {
    return Violation(absl::StrCat("the call number ", id, " is in use"));
  }
  if (id != 0 && outstanding_.size() >= kMaxOutstandingCalls) {
    return Violation(absl::StrCat("more than ", kMaxOutstandingCalls, " calls at once"));
  }
  if (row->call == broker::WorkerFrame::kPublish && !outstanding_.empty()) {
    return Violation("Publish while other calls are under way");
  }
  if (publish_is_under_way_ && row->lane != Lane::kNote) {
    return Violation(absl::StrCat(row->name, " while Publish is under way"));
  }
  return absl::OkStatus();
}

void BrokerSession::State::Dispatch(const broker::WorkerFrame& frame) {
  const CallRow* row = FindCall(frame);
  if (absl::Status status = CheckFrame(row, frame); !status.ok()) {
    End(std::move(status), true);
    return;
  }
  if (row->lane != Lane::kNote) {
    outstanding_.insert(frame.call_id());
  }
  Serve(*row, frame);
}

void BrokerSession::State::Serve(const CallRow& row, const broker::WorkerFrame& frame) {
  switch (row.lane) {
    case Lane::kNote:
      if (absl::Status status = (calls_.*row.handler)(frame).status(); !status.ok()) {
        End(std::move(status), true);
      } else if (row.call == broker::WorkerFrame::kReady) {
        phase_ = kRunning;
      } else if (row.call == broker::WorkerFrame::kFinish) {
        Finished();
      }
      return;
    case Lane::kAtOnce:
      Reply(frame.call_id(), row, (calls_.*row.handler)(frame));
      return;
    case Lane::kInLine:
      phase_ = kPublishing;
      if (absl::Status status = calls_.GetInLine([this] { Wake(); }); !status.ok()) {
        Reply(frame.call_id(), row, std::move(status));
      } else {
        in_line_ = {frame.call_id(), &row};
        ServeLine();
      }
      return;
    case Lane::kNetwork:
    case Lane::kDisk:
      ServeOnPool(row, frame);
      return;
  }
}

void BrokerSession::State::ServeOnPool(const CallRow& row, const broker::WorkerFrame& frame) {
  if (row.call == broker::WorkerFrame::kPublish) {
    phase_ = kPublishing;
    publish_is_under_way_ = true;
    lock_until_ = absl::InfiniteFuture();
  }
  WorkPool::Client& client = row.lane == Lane::kNetwork ? network_ : disk_;
  client.Schedule([this, &row, frame] {
    absl::StatusOr<Answer> answer = (calls_.*row.handler)(frame);
    {
      absl::MutexLock lock(&mutex_);
      served_.push_back({frame.call_id(), &row, std::move(answer)});
    }
    Wake();
  });
}

void BrokerSession::State::Finished() {
  const absl::Status& status = *calls_.finished();
  if (status.ok() && phase_ == kStarting) {
    End(Violation("Finish without an error before Ready"), true);
  } else if (status.ok() && options_.grants.destination_path.has_value() && phase_ != kPublished) {
    End(Violation("Finish without an error before Publish"), true);
  } else {
    End(status, false);
  }
}

void BrokerSession::State::Reply(uint32_t call_id, const CallRow& row,
                                 absl::StatusOr<Answer> answer) {
  outstanding_.erase(call_id);
  if (ended_) {
    return;
  }
  if (IsViolation(answer.status())) {
    End(answer.status(), true);
    return;
  }
  if (row.call == broker::WorkerFrame::kPublish) {
    phase_ = answer.ok() ? kPublished : kRunning;
    publish_is_under_way_ = false;
  } else if (phase_ == kPublishing && !in_line_.has_value() && !calls_.has_lock()) {
    phase_ = kRunning;
  }
  broker::ServiceFrame frame;
  broker::Reply& reply = *frame.mutable_reply();
  std::vector<int> fds;
  if (answer.ok()) {
    reply = std::move(answer->reply);
    for (const UniqueFd& fd : answer->fds) {
      fds.push_back(fd.get());
    }
  } else {
    reply.set_code(static_cast<int>(answer.status().code()));
    reply.set_message(Printable(answer.status().message(), kMaxReplyMessageBytes));
    reply.set_reason(ErrorReason(answer.status()));
  }
  reply.set_call_id(call_id);
  reply.set_fd_count(static_cast<uint32_t>(fds.size()));
  absl::Status sent = channel_.Send(frame, fds, absl::Now() + kReplyLimit);
  if (absl::IsDeadlineExceeded(sent)) {
    End(Violation("replies are not read"), true);
  }
  // A worker that is gone may have said Finish: what it sent is read first.
}

void BrokerSession::State::End(absl::Status status, bool worker_is_suspect) {
  if (!ended_) {
    ended_ = true;
    outcome_.status = std::move(status);
    outcome_.worker_is_suspect = worker_is_suspect;
  }
}

JobOutcome BrokerSession::State::CleanUp() {
  if (!stopping_.ok() && !outcome_.status.ok() && !outcome_.worker_is_suspect) {
    outcome_.status = stopping_;
  }
  // One that died tells by its exit status why.
  bool died = ErrorReason(outcome_.status) == "WORKER_DIED";
  if (options_.kill && !died && (outcome_.worker_is_suspect || !calls_.finished().has_value())) {
    options_.kill();
  }
  cancellation_.Cancel();
  network_.Stop();
  disk_.Stop();
  calls_.EndRelays();
  calls_.Undo();
  if (outcome_.status.ok()) {
    outcome_.result = calls_.TakeResult();
  }
  return std::move(outcome_);
}

BrokerSession::BrokerSession(FrameChannel& channel, Options options)
    : state_(std::make_unique<State>(channel, std::move(options))) {}

BrokerSession::~BrokerSession() = default;

JobOutcome BrokerSession::Run() { return state_->Run(); }

}  // namespace holkas
