#ifndef HOLKAS_SERVICE_BROKER_BROKER_SESSION_H_
#define HOLKAS_SERVICE_BROKER_BROKER_SESSION_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "proto/wire/frame_channel.h"
#include "service/broker/blob_memory.h"
#include "service/broker/broker_resources.h"
#include "service/broker/cancellation.h"
#include "service/policy/grants.h"
#include "service/sandbox/store_directories.h"

namespace holkas {

// What a job gave when its worker said Finish.
struct JobOutcome {
  // What the worker said, or why it was not believed: a violation of the protocol is INTERNAL
  // (WORKER_VIOLATION); the channel's end before Finish is INTERNAL (WORKER_DIED); a passed
  // deadline or a cancelled call is DEADLINE_EXCEEDED or CANCELLED.
  absl::Status status;
  // The serialised response, for jobs that have one.
  std::string result;
  // The worker broke the protocol or died: it must be killed, and its zygote replaced.
  bool worker_is_suspect = false;
};

// The trusted side of the broker protocol, for one worker and one job (proto/broker/BROKER.md).
// Checks every frame against a closed table: known call, permitted in this state and by these
// grants, once. Anything else ends the job. Takes no descriptor from the worker.
class BrokerSession {
 public:
  struct Options {
    Grants grants;
    broker::JobSpec job;
    // What the worker gets of the stores that are granted; they outlive the session. Null where
    // there is no such grant.
    const StoreDirectories* source_store = nullptr;
    const StoreDirectories* destination_store = nullptr;
    // The directory of granted files to read, where there is a store too: opened so that nothing
    // can be changed through it. -1 where there is none; outlives the session.
    int source_root = -1;
    // Granted single files likewise, by their numbers; not valid where one cannot be read. Null or
    // empty where there are none.
    const std::vector<UniqueFd>* source_files = nullptr;
    // The same for the directory of its blobs, where they are shared.
    int source_blobs = -1;
    // When the job must be over.
    absl::Time deadline;
    // Asked at least every 50 ms; true ends the job with CANCELLED.
    std::function<bool()> cancelled;
    // Gets every event of a copy, on the session's thread; must not block.
    std::function<void(v1::CopyResponse event)> on_event;
    // Gets the tags of a list, part by part and without the repository's name, on the session's
    // thread; must not block.
    std::function<void(v1::ListTagsResponse tags)> on_tags;
    // Asked before each frame; where it is true, what the worker says is left unread for up to
    // 50 ms, and then it is asked again. May be null; must not block.
    std::function<bool()> reader_is_behind;
    // Gets the worker's log lines, on the session's thread, fit to be written; must not block. May
    // be null. `severity` as in broker.Log.
    std::function<void(int severity, std::string line)> on_log;
    // Answers the worker's Authorize with the value of a header, empty for none; on a thread of the
    // network's pool, may block until it is cancelled. Null: nobody has credentials.
    std::function<absl::StatusOr<std::string>(const broker::Authorize& question,
                                              const Cancellation& cancellation)>
        authorize;
    // Answers the worker's UnwrapKey with the key of a layer; as `authorize`. Null: the job has no
    // decryption keys.
    std::function<absl::StatusOr<broker::LayerKey>(const broker::WrappedKeys& wrapped,
                                                   const Cancellation& cancellation)>
        unwrap_key;
    // What is remembered of blobs; it outlives the session. Null: nothing is, and the job says so.
    BlobMemory* blobs = nullptr;
    // Called where the session ends a job whose worker is alive and did not say a valid Finish,
    // before tasks are waited for: should kill the worker. May be null; then the worker dies when
    // whoever made it kills it.
    std::function<void()> kill;
    // What all sessions share. Where it is null, the session has its own.
    BrokerResources* resources = nullptr;
  };

  BrokerSession(FrameChannel& channel, Options options);
  ~BrokerSession();

  // Sends the JobSpec, then serves the worker's calls until Finish or a reason to end. What the
  // worker did not publish is undone when this returns. Once.
  JobOutcome Run();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_BROKER_SESSION_H_
