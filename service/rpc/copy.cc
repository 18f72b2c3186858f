#include "service/rpc/copy.h"

#include <atomic>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/rpc/event_queue.h"
#include "service/rpc/streamed_job.h"
#include "service/rpc/validate.h"

namespace holkas {
namespace {

// Events that wait for a slow reader. An index of fifty images with the most layers that storage
// drivers take has fewer.
constexpr size_t kMaxWaitingEvents = 20000;

// One copy: the job on its thread, the writing on the caller's.
class CopyStream {
 public:
  CopyStream(const ServerParts& server, const RequestContext& context, bool omit_progress)
      : server_(server), context_(context), omit_progress_(omit_progress) {}

  absl::Status Run(JobRunner::Call call,
                   const std::function<bool(const v1::CopyResponse&)>& write) {
    call.cancelled = [this] { return reader_gone_ || overflow_ || context_.cancelled(); };
    call.on_event = [this](v1::CopyResponse event) { OnEvent(std::move(event)); };
    RETURN_IF_ERROR(RunStreamedJob(
        context_, [this, &call] { RunJob(std::move(call)); }, [this, &write] { Write(write); }));
    return status_;
  }

 private:
  void Write(const std::function<bool(const v1::CopyResponse&)>& write) {
    while (std::optional<v1::CopyResponse> event = events_.Pop()) {
      if (!write(*event)) {
        reader_gone_ = true;
        return;
      }
    }
  }

  void OnEvent(v1::CopyResponse event) {
    if (event.has_result()) {
      result_ = std::move(event);
      return;
    }
    if (event.event_case() == v1::CopyResponse::EVENT_NOT_SET ||
        (omit_progress_ && event.has_blob_progress())) {
      return;
    }
    if (!events_.Push(std::move(event))) {
      overflow_ = true;
    }
  }

  void RunJob(JobRunner::Call call) {
    status_ = server_.runner->Run(std::move(call)).status();
    if (overflow_) {
      status_ = MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                          absl::StrCat("send events: more than ", kMaxWaitingEvents,
                                       " wait for the caller to read them"));
    } else if (status_.ok() && !result_.has_value()) {
      status_ = MakeError(absl::StatusCode::kInternal, "WORKER_VIOLATION",
                          "copy image: the worker finished without a result");
    } else if (status_.ok()) {
      events_.Push(*std::move(result_));
    }
    events_.Close();
  }

  const ServerParts& server_;
  const RequestContext& context_;
  const bool omit_progress_;
  EventQueue events_{kMaxWaitingEvents};
  std::atomic<bool> reader_gone_ = false;
  std::atomic<bool> overflow_ = false;
  // The job's thread's own, and the caller's after RunStreamedJob.
  std::optional<v1::CopyResponse> result_;
  absl::Status status_;
};

}  // namespace

absl::Status Copy(const ServerParts& server, const RequestContext& context,
                  const v1::CopyRequest& request,
                  const std::function<bool(const v1::CopyResponse&)>& write) {
  RETURN_IF_ERROR(ValidateRequest(request));
  RETURN_IF_ERROR(CheckAuthFile(server, context, "source_registry", request.source_registry()));
  RETURN_IF_ERROR(
      CheckAuthFile(server, context, "destination_registry", request.destination_registry()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareJob(request, server.registries));
  const absl::Time deadline = DeadlineOf(context, server.timeouts.copy, server.timeouts);
  ASSIGN_OR_RETURN(JobRunner::Call call,
                   MakeCall(server, context, "Copy", std::move(job), deadline));
  return RunCopy(server, context, std::move(call), request.omit_progress(), write);
}

absl::Status RunCopy(const ServerParts& server, const RequestContext& context, JobRunner::Call call,
                     bool omit_progress,
                     const std::function<bool(const v1::CopyResponse&)>& write) {
  return CopyStream(server, context, omit_progress).Run(std::move(call), write);
}

}  // namespace holkas
