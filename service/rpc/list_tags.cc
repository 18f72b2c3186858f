#include "service/rpc/list_tags.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/rpc/streamed_job.h"
#include "service/rpc/tag_queue.h"
#include "service/rpc/validate.h"

namespace holkas {
namespace {

// Tags that wait for a slow reader; then the worker has to wait as well.
constexpr size_t kMaxWaitingBytes = 1 << 20;

// One list: the job on its thread, the writing on the caller's.
class TagStream {
 public:
  TagStream(const ServerParts& server, const RequestContext& context, std::string repository)
      : server_(server), context_(context), repository_(std::move(repository)) {}

  absl::Status Run(JobRunner::Call call,
                   const std::function<bool(const v1::ListTagsResponse&)>& write) {
    call.cancelled = [this] { return reader_gone_ || reader_pauses_ || context_.cancelled(); };
    call.on_tags = [this](v1::ListTagsResponse tags) { Push(std::move(tags)); };
    call.reader_is_behind = [this] { return ReaderIsBehind(); };
    RETURN_IF_ERROR(RunStreamedJob(
        context_, [this, &call] { RunJob(std::move(call)); }, [this, &write] { Write(write); }));
    return status_;
  }

 private:
  void Write(const std::function<bool(const v1::ListTagsResponse&)>& write) {
    while (std::optional<v1::ListTagsResponse> tags = queue_.Pop()) {
      if (!write(*tags)) {
        reader_gone_ = true;
        return;
      }
    }
  }

  void Push(v1::ListTagsResponse tags) {
    tags.set_repository(repository_);
    queue_.Push(std::move(tags));
    is_empty_ = false;
  }

  bool ReaderIsBehind() {
    if (!queue_.IsFull()) {
      full_since_ = absl::InfiniteFuture();
      return false;
    }
    const absl::Time now = absl::Now();
    full_since_ = std::min(full_since_, now);
    if (now - full_since_ > server_.timeouts.reader_pause) {
      reader_pauses_ = true;
    }
    return true;
  }

  void RunJob(JobRunner::Call call) {
    status_ = server_.runner->Run(std::move(call)).status();
    if (reader_pauses_) {
      status_ = MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                          absl::StrCat("send tags: the caller reads nothing for more than ",
                                       absl::FormatDuration(server_.timeouts.reader_pause)));
    } else if (status_.ok() && is_empty_) {
      Push(v1::ListTagsResponse());  // tells whose list has no tags
    }
    queue_.Close();
  }

  const ServerParts& server_;
  const RequestContext& context_;
  const std::string repository_;
  TagQueue queue_{kMaxWaitingBytes};
  std::atomic<bool> reader_gone_ = false;
  // The job's thread's own, and the caller's after RunStreamedJob.
  bool is_empty_ = true;
  bool reader_pauses_ = false;
  absl::Time full_since_ = absl::InfiniteFuture();
  absl::Status status_;
};

}  // namespace

absl::Status ListTags(const ServerParts& server, const RequestContext& context,
                      const v1::ListTagsRequest& request,
                      const std::function<bool(const v1::ListTagsResponse&)>& write) {
  RETURN_IF_ERROR(ValidateRequest(request));
  RETURN_IF_ERROR(CheckAuthFile(server, context, "registry", request.registry()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareJob(request, server.registries));
  // An archive is no repository.
  const RegistryReference* registry = job.source.registry();
  std::string repository = registry == nullptr ? "" : registry->Repository();
  const absl::Time deadline = DeadlineOf(context, server.timeouts.inspect, server.timeouts);
  ASSIGN_OR_RETURN(JobRunner::Call call,
                   MakeCall(server, context, "ListTags", std::move(job), deadline));
  if (!repository.empty()) {
    call.source = absl::StrCat("docker://", repository);  // a list has no tag
  }
  return TagStream(server, context, std::move(repository)).Run(std::move(call), write);
}

}  // namespace holkas
