#include "service/rpc/operation_runner.h"

#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::Status LimitExceeded(absl::string_view message) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED", message);
}

// Errors after which the request is to run anew when it comes again: it did not get far, or might
// do better.
bool IsPassing(const absl::Status& status) {
  return absl::IsCancelled(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

size_t SizeOf(const Operation::Outcome& outcome) {
  if (outcome.ok()) {
    return outcome->size();
  }
  size_t size = outcome.status().message().size();
  for (const auto& [key, value] : ErrorMetadata(outcome.status())) {
    size += key.size() + value.size();
  }
  return size;
}

}  // namespace

OperationRunner::OperationRunner(RequestHash hash, const Limits& limits, Operation::Clock now)
    : hash_(std::move(hash)), limits_(limits), now_(std::move(now)), table_(limits.kept) {}

OperationRunner::~OperationRunner() {
  CancelAll();
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&running_, &Threads::empty));
  }
  JoinEnded();
}

OperationTicket OperationRunner::TicketOf(const std::string& owner, const std::string& rpc,
                                          const std::string& id,
                                          const google::protobuf::Message& request) const {
  return {owner, rpc, absl::AsciiStrToLower(id), hash_.Of(request)};
}

OperationRunner::AttachmentOr OperationRunner::Find(const OperationTicket& ticket) {
  absl::MutexLock lock(&mutex_);
  return FindLocked(ticket);
}

OperationRunner::AttachmentOr OperationRunner::FindLocked(const OperationTicket& ticket) {
  ASSIGN_OR_RETURN(std::shared_ptr<Operation> operation, table_.Find(ticket, now_()));
  if (operation == nullptr) {
    return nullptr;
  }
  if (operation->attached() >= limits_.attached) {
    return LimitExceeded(
        absl::StrCat("attach to request ", ticket.id, ": ", limits_.attached, " calls are"));
  }
  return std::make_unique<Operation::Attachment>(std::move(operation));
}

OperationRunner::AttachmentOr OperationRunner::Start(const OperationTicket& ticket, Job job) {
  JoinEnded();
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(std::unique_ptr<Operation::Attachment> attachment, FindLocked(ticket));
  if (attachment != nullptr) {
    return attachment;
  }
  if (cancelled_) {
    return MakeError(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                     "the server is shutting down");
  }
  if (working_ >= limits_.running) {
    return LimitExceeded(
        absl::StrCat("admit request: ", limits_.running, " with an id run already"));
  }
  auto operation = std::make_shared<Operation>(now_);
  attachment = std::make_unique<Operation::Attachment>(operation);
  RETURN_IF_ERROR(StartThread(ticket, operation, std::move(job)));
  table_.Add(ticket, std::move(operation));
  return attachment;
}

absl::Status OperationRunner::StartThread(const OperationTicket& ticket,
                                          std::shared_ptr<Operation> operation, Job job) {
  running_.emplace_back();
  const auto place = std::prev(running_.end());
  try {
    *place = std::thread(
        [this, place, ticket, operation = std::move(operation), job = std::move(job)]() mutable {
          RunJob(ticket, *operation, std::move(job));
          absl::MutexLock lock(&mutex_);
          ended_.splice(ended_.end(), running_, place);
        });
  } catch (const std::system_error& error) {
    running_.erase(place);
    return LimitExceeded(absl::StrCat("start a thread: ", error.what()));
  }
  ++working_;
  return absl::OkStatus();
}

void OperationRunner::RunJob(const OperationTicket& ticket, Operation& operation, Job job) {
  Operation::Outcome outcome = std::move(job)(
      operation, [this, &ticket, &operation] { return Cancelled(ticket, operation); });
  job = nullptr;
  // First: whoever learns the outcome and asks again is to find it, or nothing, and room for the
  // next request.
  Settle(ticket, operation, outcome);
  operation.Finish(std::move(outcome));
}

bool OperationRunner::Cancelled(const OperationTicket& ticket, const Operation& operation) {
  absl::MutexLock lock(&mutex_);
  if (cancelled_) {
    return true;
  }
  if (!table_.Has(ticket, operation)) {
    return true;
  }
  if (operation.time_alone() < limits_.time_alone) {
    return false;
  }
  // A request that comes now is not to share the end of this one.
  table_.Forget(ticket);
  return true;
}

void OperationRunner::Settle(const OperationTicket& ticket, const Operation& operation,
                             const Operation::Outcome& outcome) {
  absl::MutexLock lock(&mutex_);
  --working_;
  if (!table_.Has(ticket, operation)) {
    return;
  }
  if (IsPassing(outcome.status())) {
    table_.Forget(ticket);
  } else {
    table_.Keep(ticket, SizeOf(outcome), now_());
  }
}

void OperationRunner::CancelAll() {
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
}

void OperationRunner::JoinEnded() {
  Threads ended;
  {
    absl::MutexLock lock(&mutex_);
    ended.swap(ended_);
  }
  for (std::thread& thread : ended) {
    thread.join();
  }
}

}  // namespace holkas
