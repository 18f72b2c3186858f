#include "service/rpc/copy_stream.h"

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/rpc/event_queue.h"
#include "service/rpc/streamed_job.h"
#include "service/rpc/validate.h"

namespace holkas {
namespace {

// An error of the job about a field of the CopyRequest says where the request of the rpc has it.
absl::Status WithFieldOf(const std::string& rpc, const absl::Status& status) {
  const std::map<std::string, std::string> metadata = ErrorMetadata(status);
  const auto field = metadata.find("field");
  if (field == metadata.end() || v1::CopyRequest::descriptor()->FindFieldByName(
                                     field->second.substr(0, field->second.find('.'))) == nullptr) {
    return status;
  }
  return rpc == "Import"   ? WithinField("options.copy", status)
         : rpc == "Export" ? WithinField("copy", status)
                           : status;
}

// Runs the job, gives its events to `publish`, and returns the one with the result.
absl::StatusOr<v1::CopyResponse> RunCopy(JobRunner& runner, JobRunner::Call call,
                                         bool omit_progress,
                                         const std::function<void(v1::CopyResponse)>& publish) {
  std::optional<v1::CopyResponse> result;
  call.on_event = [&result, &publish, omit_progress](v1::CopyResponse event) {
    if (event.has_result()) {
      result = std::move(event);
    } else if (event.event_case() != v1::CopyResponse::EVENT_NOT_SET &&
               !(omit_progress && event.has_blob_progress())) {
      publish(std::move(event));
    }
  };
  const std::string rpc = call.rpc;
  RETURN_IF_ERROR(WithFieldOf(rpc, runner.Run(std::move(call)).status()));
  if (!result.has_value()) {
    return MakeError(absl::StatusCode::kInternal, "WORKER_VIOLATION",
                     "copy image: the worker finished without a result");
  }
  return *std::move(result);
}

// One copy that ends with its caller: the job on its thread, the writing on the caller's.
class CopyStream {
 public:
  CopyStream(JobRunner& runner, const RequestContext& context, bool omit_progress)
      : runner_(runner), context_(context), omit_progress_(omit_progress) {}

  absl::Status Run(JobRunner::Call call, const CopyWriter& write) {
    call.cancelled = [this] { return reader_gone_ || overflow_ || context_.cancelled(); };
    RETURN_IF_ERROR(RunStreamedJob(
        context_, [this, &call] { RunJob(std::move(call)); }, [this, &write] { Write(write); }));
    return status_;
  }

 private:
  void Write(const CopyWriter& write) {
    while (std::optional<v1::CopyResponse> event = events_.Pop()) {
      if (!write(*event)) {
        reader_gone_ = true;
        return;
      }
    }
  }

  void RunJob(JobRunner::Call call) {
    absl::StatusOr<v1::CopyResponse> result =
        RunCopy(runner_, std::move(call), omit_progress_, [this](v1::CopyResponse event) {
          if (!events_.Push(std::move(event))) {
            overflow_ = true;
          }
        });
    status_ = overflow_ ? TooManyWaitingEvents() : result.status();
    if (status_.ok()) {
      events_.Push(*std::move(result));
    }
    events_.Close();
  }

  JobRunner& runner_;
  const RequestContext& context_;
  const bool omit_progress_;
  EventQueue events_{kMaxWaitingEvents};
  std::atomic<bool> reader_gone_ = false;
  std::atomic<bool> overflow_ = false;
  // The job's thread's own, and the caller's after RunStreamedJob.
  absl::Status status_;
};

}  // namespace

absl::Status CallerHungUp() { return absl::CancelledError("the caller hung up"); }

absl::Status StreamCopy(const ServerParts& server, const RequestContext& context,
                        JobRunner::Call call, bool omit_progress, const CopyWriter& write) {
  return CopyStream(*server.runner, context, omit_progress).Run(std::move(call), write);
}

OperationRunner::Job CopyOperation(JobRunner& runner, JobRunner::Call call, bool omit_progress) {
  return [&runner, call = std::move(call), omit_progress](
             Operation& operation, std::function<bool()> cancelled) mutable -> Operation::Outcome {
    call.cancelled = std::move(cancelled);
    ASSIGN_OR_RETURN(
        const v1::CopyResponse result,
        RunCopy(runner, std::move(call), omit_progress,
                [&operation](const v1::CopyResponse& event) { operation.Publish(event); }));
    return result.SerializeAsString();
  };
}

absl::Status StreamOperation(const RequestContext& context, Operation::Attachment& attachment,
                             const CopyWriter& write) {
  std::atomic<bool> reader_gone = false;
  const auto watch = [&] {
    attachment.AwaitEnd([&] { return reader_gone || context.cancelled(); });
  };
  const auto write_all = [&] {
    while (std::optional<v1::CopyResponse> event = attachment.Next()) {
      if (!write(*event)) {
        reader_gone = true;
        return;
      }
    }
    v1::CopyResponse result;
    const Operation::Outcome outcome = attachment.outcome();
    if (outcome.ok() && result.ParseFromString(*outcome)) {
      write(result);
    }
  };
  RETURN_IF_ERROR(RunStreamedJob(context, watch, write_all));
  return attachment.outcome().status();
}

}  // namespace holkas
