#include "service/auth/connection_table.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "proto/wire/error.h"

namespace holkas {

size_t ConnectionTable::Counts::Of(const std::string& owner) const {
  const auto found = per_user.find(owner);
  return found == per_user.end() ? 0 : found->second;
}

void ConnectionTable::Counts::Add(const std::string& owner) {
  ++all;
  ++per_user[owner];
}

void ConnectionTable::Counts::Remove(const std::string& owner) {
  --all;
  const auto found = per_user.find(owner);
  if (--found->second == 0) {
    per_user.erase(found);
  }
}

// As gRPC spells a peer: a URI, in which brackets are encoded.
std::string ConnectionTable::TlsName(const Peer& peer) {
  if (!absl::StartsWith(peer.address, "[")) {
    return absl::StrCat("ipv4:", peer.address);
  }
  return absl::StrCat("ipv6:", absl::StrReplaceAll(peer.address, {{"[", "%5B"}, {"]", "%5D"}}));
}

absl::StatusOr<uint64_t> ConnectionTable::Add(Peer peer) {
  absl::MutexLock lock(&mutex_);
  if (served_.all >= max_connections_) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("accept a connection: ", max_connections_,
                                  " are open (limits.max_connections)"));
  }
  const std::string owner = peer.Owner();
  if (served_.Of(owner) >= max_per_user_) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("accept a connection: ", owner, " has ", max_per_user_,
                                  " (limits.max_connections_per_user)"));
  }
  served_.Add(owner);
  ++last_id_;
  if (peer.is_remote()) {
    silent_.insert(last_id_);
  }
  connections_[last_id_].peer = std::move(peer);
  return last_id_;
}

absl::StatusOr<uint64_t> ConnectionTable::AddRefused(Peer peer, const absl::Status& why) {
  absl::MutexLock lock(&mutex_);
  const std::string owner = peer.Owner();
  if (refused_.all >= kMaxRefused || refused_.Of(owner) >= kMaxRefusedPerUser) {
    return why;
  }
  refused_.Add(owner);
  ++last_id_;
  Connection& connection = connections_[last_id_];
  connection.peer = std::move(peer);
  connection.refusal = why;
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
  Counts& counts = connection->second.refusal.ok() ? served_ : refused_;
  counts.Remove(connection->second.peer.Owner());
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
  const Connection& connection = connections_.at(found->second);
  return connection.refusal.ok() ? std::optional<Peer>(connection.peer) : std::nullopt;
}

absl::Status ConnectionTable::RefusalOf(absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? absl::OkStatus() : connections_.at(found->second).refusal;
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
  return served_.all;
}

}  // namespace holkas
