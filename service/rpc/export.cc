#include "service/rpc/export.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/jobs/job_runner.h"
#include "service/rpc/copy_stream.h"
#include "service/rpc/job_spec.h"
#include "service/rpc/stall_guard.h"
#include "service/rpc/validate.h"
#include "service/spool/spooled_archive.h"

namespace holkas {
namespace {

constexpr int64_t kChunkBytes = 1 << 20;

// Whether the archive may be sent on.
absl::Status CheckWanted(const StallGuard& guard, const std::function<bool()>& cancelled) {
  RETURN_IF_ERROR(guard.status());
  return cancelled() ? CallerHungUp() : absl::OkStatus();
}

// Sends the archive, whose worker is gone.
absl::Status Send(SpooledArchive& archive, StallGuard& guard,
                  const std::function<bool()>& cancelled,
                  const std::function<bool(const v1::ExportResponse&)>& write) {
  ASSIGN_OR_RETURN(const int64_t size_bytes, archive.Measure());
  // What the guard has let go is empty.
  RETURN_IF_ERROR(CheckWanted(guard, cancelled));
  v1::ExportResponse response;
  std::string& chunk = *response.mutable_chunk();
  for (int64_t offset = 0; offset < size_bytes;) {
    chunk.resize(static_cast<size_t>(std::min(kChunkBytes, size_bytes - offset)));
    ASSIGN_OR_RETURN(const size_t count,
                     archive.ReadAt(offset, absl::MakeSpan(chunk.data(), chunk.size())));
    RETURN_IF_ERROR(CheckWanted(guard, cancelled));
    if (count == 0) {
      return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                       "read the archive: it has become shorter");
    }
    chunk.resize(count);
    if (!write(response)) {
      RETURN_IF_ERROR(guard.status());
      return CallerHungUp();
    }
    guard.Progress();
    offset += static_cast<int64_t>(count);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Export(const ServerParts& server, const RequestContext& context,
                    const v1::ExportRequest& request,
                    const std::function<bool(const v1::ExportResponse&)>& write) {
  RETURN_IF_ERROR(ValidateRequest(request));
  RETURN_IF_ERROR(
      CheckAuthFile(server, context, "copy.source_registry", request.copy().source_registry()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareJob(request, server.registries));
  const absl::Time deadline = DeadlineOf(context, server.timeouts.copy, server.timeouts);
  ASSIGN_OR_RETURN(JobRunner::Call call,
                   MakeCall(server, context, "Export", std::move(job), deadline));
  ASSIGN_OR_RETURN(
      const std::unique_ptr<SpooledArchive> archive,
      SpooledArchive::Create(server.spool_directory, *server.spool_quota, context.caller.name));
  call.grants.destination_path->spooled = archive.get();
  const absl::Status copied =
      StreamCopy(server, context, std::move(call), request.copy().omit_progress(),
                 [&write](const v1::CopyResponse& event) {
                   v1::ExportResponse response;
                   *response.mutable_copy() = event;
                   return write(response);
                 });
  if (!copied.ok()) {
    // Where the worker was told that the archive is too large, it says so without the limit.
    absl::Status measured = archive->Measure().status();
    return ErrorReason(measured) == ErrorReason(copied) && !measured.ok() ? measured : copied;
  }
  // A write to a caller who hangs up comes back when gRPC has got rid of what it holds, which a
  // caller who reads nothing puts off until the connection is given up. When all that runs is
  // cancelled, a write that blocks is broken off, which tells the caller no reason.
  ASSIGN_OR_RETURN(
      const std::unique_ptr<StallGuard> guard,
      StallGuard::Start({.cancel = context.cancel,
                         .cancelled = context.cancelled,
                         .check = [&server] { return server.runner->CheckNotCancelled(); },
                         .let_go = [&archive] { archive->Discard(); }},
                        server.timeouts.archive_pause, deadline));
  return Send(*archive, *guard, context.cancelled, write);
}

}  // namespace holkas
