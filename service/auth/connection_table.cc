#include "service/auth/connection_table.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"

namespace holkas {

int64_t ConnectionTable::UserOf(const Peer& peer) {
  return peer.kind == Peer::Kind::kTcp ? -1 : static_cast<int64_t>(peer.uid);
}

absl::StatusOr<uint64_t> ConnectionTable::Add(Peer peer) {
  absl::MutexLock lock(&mutex_);
  if (connections_.size() >= max_connections_) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("accept a connection: ", max_connections_,
                                  " are open (limits.max_connections)"));
  }
  size_t& of_user = per_user_[UserOf(peer)];
  if (of_user >= max_per_user_) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("accept a connection: its user has ", max_per_user_,
                                  " (limits.max_connections_per_user)"));
  }
  ++of_user;
  connections_[++last_id_].peer = std::move(peer);
  return last_id_;
}

void ConnectionTable::SetDescriptor(uint64_t id, int fd) {
  absl::MutexLock lock(&mutex_);
  const auto connection = connections_.find(id);
  if (connection != connections_.end()) {
    connection->second.fd = fd;
    by_descriptor_[fd] = id;
  }
}

void ConnectionTable::Remove(uint64_t id) {
  absl::MutexLock lock(&mutex_);
  const auto connection = connections_.find(id);
  if (connection == connections_.end()) {
    return;
  }
  const auto user = per_user_.find(UserOf(connection->second.peer));
  if (--user->second == 0) {
    per_user_.erase(user);
  }
  // The number may belong to a newer connection already.
  const auto number = by_descriptor_.find(connection->second.fd);
  if (number != by_descriptor_.end() && number->second == id) {
    by_descriptor_.erase(number);
  }
  connections_.erase(connection);
}

std::optional<Peer> ConnectionTable::Find(absl::string_view name) const {
  int fd = -1;
  if (!absl::ConsumePrefix(&name, "fd:") || !absl::SimpleAtoi(name, &fd)) {
    return std::nullopt;
  }
  absl::MutexLock lock(&mutex_);
  const auto number = by_descriptor_.find(fd);
  if (number == by_descriptor_.end()) {
    return std::nullopt;
  }
  return connections_.at(number->second).peer;
}

size_t ConnectionTable::size() const {
  absl::MutexLock lock(&mutex_);
  return connections_.size();
}

}  // namespace holkas
