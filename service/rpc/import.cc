#include "service/rpc/import.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/jobs/job_runner.h"
#include "service/rpc/copy_stream.h"
#include "service/rpc/job_spec.h"
#include "service/rpc/operation.h"
#include "service/rpc/operation_runner.h"
#include "service/rpc/operation_table.h"
#include "service/rpc/stall_guard.h"
#include "service/rpc/validate.h"
#include "service/spool/spooled_archive.h"

namespace holkas {
namespace {

constexpr size_t kMaxChunkBytes = 1 << 20;
// How often the caller is told how much has come.
constexpr absl::Duration kTellInterval = absl::Milliseconds(400);

absl::Status WrongSize(int64_t got, int64_t want) {
  return MakeError(
      absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
      absl::StrCat("receive the archive: got ", got, " bytes, options.size_bytes is ", want));
}

// The first part of an Import: what the caller sends.
class Receiver {
 public:
  Receiver(const ServerParts& server, const RequestContext& context, const ImportStream& stream,
           StallGuard& guard)
      : server_(server), context_(context), stream_(stream), guard_(guard) {}

  absl::StatusOr<v1::ImportOptions> ReceiveOptions() {
    v1::ImportRequest first;
    if (!stream_.read(first) && context_.cancelled()) {
      return CallerHungUp();
    }
    if (!first.has_options()) {
      return InvalidField("options", "is required in the first message");
    }
    return std::move(*first.mutable_options());
  }

  // All of the archive, `size_bytes` of it, or any number where that is 0.
  absl::Status ReceiveArchive(int64_t size_bytes, SpooledArchive& archive) {
    absl::Time told = absl::InfinitePast();
    v1::ImportRequest message;
    while (stream_.read(message)) {
      // No copy would follow.
      RETURN_IF_ERROR(server_.runner->CheckOpen());
      RETURN_IF_ERROR(CheckChunk(message));
      if (!message.chunk().empty()) {
        guard_.Progress();
      }
      RETURN_IF_ERROR(archive.Append(message.chunk()));
      if (size_bytes > 0 && archive.appended_bytes() > size_bytes) {
        return WrongSize(archive.appended_bytes(), size_bytes);
      }
      if (const absl::Time now = absl::Now(); now - told >= kTellInterval) {
        told = now;
        if (!Tell(archive.appended_bytes())) {
          return CallerHungUp();
        }
      }
    }
    // Who is gone looks like who has sent all: that there is somebody to tell it shows that it is
    // all.
    if (!Tell(archive.appended_bytes()) || context_.cancelled()) {
      return CallerHungUp();
    }
    return size_bytes > 0 && archive.appended_bytes() != size_bytes
               ? WrongSize(archive.appended_bytes(), size_bytes)
               : absl::OkStatus();
  }

 private:
  static absl::Status CheckChunk(const v1::ImportRequest& message) {
    if (message.has_options()) {
      return InvalidField("options", "must not be in a message behind the first one");
    }
    if (message.part_case() != v1::ImportRequest::kChunk) {
      return InvalidField("chunk", "is required in messages behind the first one");
    }
    return message.chunk().size() > kMaxChunkBytes
               ? InvalidField("chunk", absl::StrCat("is larger than ", kMaxChunkBytes, " bytes"))
               : absl::OkStatus();
  }

  bool Tell(int64_t received_bytes) {
    v1::ImportResponse response;
    response.set_received_bytes(received_bytes);
    return stream_.write(response);
  }

  const ServerParts& server_;
  const RequestContext& context_;
  const ImportStream& stream_;
  StallGuard& guard_;
};

// Sends the events of the copy.
CopyWriter WriterTo(const ImportStream& stream) {
  return [&stream](const v1::CopyResponse& event) {
    v1::ImportResponse response;
    *response.mutable_copy() = event;
    return stream.write(response);
  };
}

// The copy as the job of an operation, which keeps the archive as long as it runs.
OperationRunner::Job CopyOf(std::unique_ptr<SpooledArchive> archive, OperationRunner::Job copy) {
  return [archive = std::move(archive), copy = std::move(copy)](
             Operation& operation, std::function<bool()> cancelled) mutable {
    return std::move(copy)(operation, std::move(cancelled));
  };
}

// Where the request has an id.
std::optional<OperationTicket> TicketOf(const ServerParts& server, const RequestContext& context,
                                        const v1::ImportOptions& options) {
  const std::string& id = options.copy().request_id();
  if (id.empty()) {
    return std::nullopt;
  }
  return server.operations->TicketOf(OwnerOf(context), "Import", id, options);
}

// The second part: the copy, with the archive complete.
absl::Status CopyArchive(const ServerParts& server, const RequestContext& context,
                         const std::optional<OperationTicket>& ticket,
                         std::unique_ptr<SpooledArchive> archive, JobRunner::Call call,
                         bool omit_progress, const CopyWriter& write) {
  call.grants.source_path->spooled = archive.get();
  if (!ticket.has_value()) {
    return StreamCopy(server, context, std::move(call), omit_progress, write);
  }
  OperationRunner::Job copy = CopyOperation(*server.runner, std::move(call), omit_progress);
  ASSIGN_OR_RETURN(const std::unique_ptr<Operation::Attachment> attachment,
                   server.operations->Start(*ticket, CopyOf(std::move(archive), std::move(copy))));
  return StreamOperation(context, *attachment, write);
}

absl::Status StreamAttached(const RequestContext& context, const ImportStream& stream,
                            Operation::Attachment& attachment) {
  v1::ImportResponse attached;
  attached.mutable_attached();
  return stream.write(attached) ? StreamOperation(context, attachment, WriterTo(stream))
                                : CallerHungUp();
}

}  // namespace

absl::Status Import(const ServerParts& server, const RequestContext& context,
                    const ImportStream& stream) {
  const absl::Time deadline = DeadlineOf(context, server.timeouts.copy, server.timeouts);
  // Where no copy would follow, a read that blocks is broken off, which tells the caller no reason.
  ASSIGN_OR_RETURN(std::unique_ptr<StallGuard> guard,
                   StallGuard::Start({.cancel = context.cancel,
                                      .check = [&server] { return server.runner->CheckOpen(); }},
                                     server.timeouts.archive_pause, deadline));
  Receiver receiver(server, context, stream, *guard);
  ASSIGN_OR_RETURN(const v1::ImportOptions options, receiver.ReceiveOptions());
  RETURN_IF_ERROR(ValidateRequest(options));
  RETURN_IF_ERROR(CheckAuthFile(server, context, "options.copy.destination_registry",
                                options.copy().destination_registry()));
  ASSIGN_OR_RETURN(PreparedJob job, PrepareJob(options, server.registries));
  ASSIGN_OR_RETURN(JobRunner::Call call,
                   MakeCall(server, context, "Import", std::move(job), deadline));
  const std::optional<OperationTicket> ticket = TicketOf(server, context, options);
  if (ticket.has_value()) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Operation::Attachment> attachment,
                     server.operations->Find(*ticket));
    if (attachment != nullptr) {
      guard.reset();
      return StreamAttached(context, stream, *attachment);
    }
  }
  ASSIGN_OR_RETURN(
      std::unique_ptr<SpooledArchive> archive,
      SpooledArchive::Create(server.spool_directory, *server.spool_quota, context.caller.name));
  RETURN_IF_ERROR(archive->Reserve(options.size_bytes()));
  const absl::Status received = receiver.ReceiveArchive(options.size_bytes(), *archive);
  RETURN_IF_ERROR(guard->status());
  RETURN_IF_ERROR(received);
  guard.reset();
  return CopyArchive(server, context, ticket, std::move(archive), std::move(call),
                     options.copy().omit_progress(), WriterTo(stream));
}

}  // namespace holkas
