#include "service/auth/connection_table.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "proto/wire/error.h"

namespace holkas {

// As gRPC spells a peer: a URI, in which brackets are encoded.
std::string ConnectionTable::TlsName(const Peer& peer) {
  if (!absl::StartsWith(peer.address, "[")) {
    return absl::StrCat("ipv4:", peer.address);
  }
  return absl::StrCat("ipv6:", absl::StrReplaceAll(peer.address, {{"[", "%5B"}, {"]", "%5D"}}));
}

absl::StatusOr<uint64_t> ConnectionTable::Add(Peer peer) {
  absl::MutexLock lock(&mutex_);
  if (connections_.size() >= max_connections_) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("accept a connection: ", max_connections_,
                                  " are open (limits.max_connections)"));
  }
  const std::string owner = peer.Owner();
  size_t& of_owner = per_user_[owner];
  if (of_owner >= max_per_user_) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("accept a connection: ", owner, " has ", max_per_user_,
                                  " (limits.max_connections_per_user)"));
  }
  ++of_owner;
  ++last_id_;
  if (peer.is_remote()) {
    silent_.insert(last_id_);
  }
  connections_[last_id_].peer = std::move(peer);
  return last_id_;
}

void ConnectionTable::SetDescriptor(uint64_t id, int fd) {
  absl::MutexLock lock(&mutex_);
  const auto connection = connections_.find(id);
  if (connection != connections_.end()) {
    Connection& found = connection->second;
    found.name =
        found.peer.kind == Peer::Kind::kTls ? TlsName(found.peer) : absl::StrCat("fd:", fd);
    by_name_[found.name] = id;
  }
}

void ConnectionTable::Remove(uint64_t id) {
  absl::MutexLock lock(&mutex_);
  const auto connection = connections_.find(id);
  if (connection == connections_.end()) {
    return;
  }
  const auto owner = per_user_.find(connection->second.peer.Owner());
  if (--owner->second == 0) {
    per_user_.erase(owner);
  }
  // The name may belong to a newer connection already.
  const auto name = by_name_.find(connection->second.name);
  if (name != by_name_.end() && name->second == id) {
    by_name_.erase(name);
  }
  silent_.erase(id);
  connections_.erase(connection);
}

std::optional<Peer> ConnectionTable::Find(absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    return std::nullopt;
  }
  return connections_.at(found->second).peer;
}

void ConnectionTable::SetSpoken(absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) {
    silent_.erase(found->second);
  }
}

std::optional<uint64_t> ConnectionTable::ExcessSilent() const {
  absl::MutexLock lock(&mutex_);
  if (silent_.size() <= max_silent_) {
    return std::nullopt;
  }
  return *silent_.begin();
}

size_t ConnectionTable::size() const {
  absl::MutexLock lock(&mutex_);
  return connections_.size();
}

}  // namespace holkas
