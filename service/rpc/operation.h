#ifndef HOLKAS_SERVICE_RPC_OPERATION_H_
#define HOLKAS_SERVICE_RPC_OPERATION_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "holkas/v1/image_service.pb.h"
#include "service/rpc/event_queue.h"

namespace holkas {

// What a request with an id asked for, while it is done and afterwards. It belongs to no call: its
// job gives events and then the outcome, and calls attach to it, each with a queue of its own, so
// that the job waits for none of them and none for another. OperationTable runs and keeps it.
// Thread-safe.
class Operation {
 public:
  // The serialized response of a Delete, or the last event of a Copy; or why there is none.
  using Outcome = absl::StatusOr<std::string>;
  using Clock = std::function<absl::Time()>;

  // One call's hold on an operation, which lasts as long as this.
  class Attachment {
   public:
    explicit Attachment(std::shared_ptr<Operation> operation);
    Attachment(const Attachment&) = delete;
    ~Attachment();

    // The next event, but for the one that is the outcome; waits for one. Nothing where none
    // follows. One thread.
    std::optional<v1::CopyResponse> Next() { return events_.Pop(); }

    // Waits until the operation is over, or `caller_is_gone`, which it asks every 50 ms; then no
    // event follows. May run beside Next.
    void AwaitEnd(const std::function<bool()>& caller_is_gone);

    // What the call is to give. Errors, beside those of the operation: RESOURCE_EXHAUSTED
    // (LIMIT_EXCEEDED) where the caller read too slowly for its events; CANCELLED before the end.
    Outcome outcome() const;

   private:
    friend class Operation;

    bool IsOverBefore(absl::Time deadline) const;
    // With the operation's mutex held.
    void Push(v1::CopyResponse event);

    const std::shared_ptr<Operation> operation_;
    EventQueue events_;
    // Guarded by the operation's mutex.
    bool too_slow_ = false;
  };

  explicit Operation(Clock now);

  // The job's: tells all calls that are attached, and never waits.
  void Publish(const v1::CopyResponse& event);
  // Once, and nothing is published afterwards.
  void Finish(Outcome outcome);

  // How many calls are attached.
  size_t attached() const;
  // For how long none has been; 0 while one is.
  absl::Duration time_alone() const;

 private:
  const Clock now_;
  mutable absl::Mutex mutex_;
  std::vector<Attachment*> attached_ ABSL_GUARDED_BY(mutex_);
  absl::Time alone_since_ ABSL_GUARDED_BY(mutex_);
  std::optional<Outcome> outcome_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_OPERATION_H_
