#include "service/rpc/operation_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// What an operation takes beside its outcome: itself, its names, twice, and its hash.
constexpr size_t kBytesOfOne = 600;

}  // namespace

absl::StatusOr<std::shared_ptr<Operation>> OperationTable::Find(const OperationTicket& ticket,
                                                                absl::Time now) {
  ForgetExpired(now);
  const auto owner = owners_.find(ticket.owner);
  if (owner == owners_.end()) {
    return nullptr;
  }
  const auto entry = owner->second.entries.find({ticket.rpc, ticket.id});
  if (entry == owner->second.entries.end()) {
    return nullptr;
  }
  if (entry->second.hash != ticket.hash) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
        absl::StrCat("another request of ", ticket.rpc, " had the request_id ", ticket.id),
        {{"field", "request_id"}});
  }
  return entry->second.operation;
}

void OperationTable::Add(const OperationTicket& ticket, std::shared_ptr<Operation> operation) {
  Entry& entry = owners_[ticket.owner].entries[{ticket.rpc, ticket.id}];
  entry.hash = ticket.hash;
  entry.operation = std::move(operation);
}

bool OperationTable::Has(const OperationTicket& ticket, const Operation& operation) const {
  const auto owner = owners_.find(ticket.owner);
  if (owner == owners_.end()) {
    return false;
  }
  const auto entry = owner->second.entries.find({ticket.rpc, ticket.id});
  return entry != owner->second.entries.end() && entry->second.operation.get() == &operation;
}

void OperationTable::Keep(const OperationTicket& ticket, size_t outcome_bytes, absl::Time now) {
  Owner& owner = owners_[ticket.owner];
  Entry& entry = owner.entries[{ticket.rpc, ticket.id}];
  entry.end = now;
  entry.bytes = kBytesOfOne + outcome_bytes;
  owner.over.emplace_back(ticket.rpc, ticket.id);
  owner.kept_bytes += entry.bytes;
  kept_bytes_ += entry.bytes;
  ++kept_;
  ForgetExpired(now);
  ForgetExcess();
}

void OperationTable::Forget(const OperationTicket& ticket) {
  const auto owner = owners_.find(ticket.owner);
  owner->second.entries.erase({ticket.rpc, ticket.id});
  if (owner->second.entries.empty()) {
    owners_.erase(owner);
  }
}

size_t OperationTable::size() const {
  size_t size = 0;
  for (const auto& [name, owner] : owners_) {
    size += owner.entries.size();
  }
  return size;
}

void OperationTable::ForgetExpired(absl::Time now) {
  for (auto owner = owners_.begin(); owner != owners_.end();) {
    const std::list<Name>& over = owner->second.over;
    if (!over.empty() &&
        now - owner->second.entries.find(over.front())->second.end >= limits_.keep_time) {
      owner = ForgetOldest(owner);
    } else {
      ++owner;
    }
  }
}

void OperationTable::ForgetExcess() {
  while (kept_ > limits_.kept || kept_bytes_ > limits_.kept_bytes) {
    ForgetOldest(std::max_element(owners_.begin(), owners_.end(), [](const auto& a, const auto& b) {
      return a.second.kept_bytes < b.second.kept_bytes;
    }));
  }
}

OperationTable::Owners::iterator OperationTable::ForgetOldest(Owners::iterator owner) {
  Owner& of = owner->second;
  const auto oldest = of.entries.find(of.over.front());
  of.kept_bytes -= oldest->second.bytes;
  kept_bytes_ -= oldest->second.bytes;
  --kept_;
  of.entries.erase(oldest);
  of.over.pop_front();
  return of.entries.empty() ? owners_.erase(owner) : owner;
}

}  // namespace holkas
