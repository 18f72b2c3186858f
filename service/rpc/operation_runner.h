#ifndef HOLKAS_SERVICE_RPC_OPERATION_RUNNER_H_
#define HOLKAS_SERVICE_RPC_OPERATION_RUNNER_H_

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "service/rpc/operation.h"
#include "service/rpc/operation_table.h"
#include "service/rpc/request_hash.h"

namespace holkas {

// Runs the operations of requests with an id, each on a thread of its own, and lets the same
// request attach to its operation, again and again, until some time after it is over. Thread-safe.
class OperationRunner {
 public:
  struct Limits {
    // How many operations run; further ones are refused.
    size_t running = 192;
    // How many calls are attached to one.
    size_t attached = 16;
    // How long an operation goes on to which no call is attached.
    absl::Duration time_alone = absl::Seconds(15);
    OperationTable::Limits kept = {};
  };

  // Does the work and publishes its events. `cancelled` says whether nobody waits for it any more,
  // on any thread, until the job returns.
  using Job = absl::AnyInvocable<Operation::Outcome(Operation& operation,
                                                    std::function<bool()> cancelled) &&>;
  using AttachmentOr = absl::StatusOr<std::unique_ptr<Operation::Attachment>>;

  OperationRunner(RequestHash hash, const Limits& limits, Operation::Clock now = absl::Now);
  // Cancels what runs and waits for it.
  ~OperationRunner();

  // The ticket of `request`, which has the id `id`, one that ValidateRequest takes.
  OperationTicket TicketOf(const std::string& owner, const std::string& rpc, const std::string& id,
                           const google::protobuf::Message& request) const;

  // Attaches to the operation; null where there is none. Errors: INVALID_ARGUMENT
  // (REQUEST_ID_REUSED) where it is another request's; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where
  // too many are attached.
  AttachmentOr Find(const OperationTicket& ticket);

  // As Find; where there is none, starts one. Errors, also: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED)
  // where too many run; UNAVAILABLE (SERVER_DRAINING) after CancelAll.
  AttachmentOr Start(const OperationTicket& ticket, Job job);

  // Cancels what runs, whoever waits for it. Nothing starts any more.
  void CancelAll();

 private:
  using Threads = std::list<std::thread>;

  AttachmentOr FindLocked(const OperationTicket& ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StartThread(const OperationTicket& ticket, std::shared_ptr<Operation> operation,
                           Job job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunJob(const OperationTicket& ticket, Operation& operation, Job job);
  // Whether the job is to end; then the operation is not found any more.
  bool Cancelled(const OperationTicket& ticket, const Operation& operation);
  void Settle(const OperationTicket& ticket, const Operation& operation,
              const Operation::Outcome& outcome);
  // Joins the threads that have ended.
  void JoinEnded();

  const RequestHash hash_;
  const Limits limits_;
  const Operation::Clock now_;
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  OperationTable table_ ABSL_GUARDED_BY(mutex_);
  // Jobs whose outcome is not known yet: fewer than threads that run, for a moment.
  size_t working_ ABSL_GUARDED_BY(mutex_) = 0;
  Threads running_ ABSL_GUARDED_BY(mutex_);
  Threads ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_OPERATION_RUNNER_H_
