#include "service/auth/connection_table.h"

#include <sys/socket.h>
#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

Peer User(uid_t uid) {
  Peer peer;
  peer.kind = Peer::Kind::kUnix;
  peer.uid = uid;
  return peer;
}

TEST(ConnectionTable, FindsThePeerByTheNameThatGrpcHas) {
  ConnectionTable table(10, 10);
  ASSERT_OK_AND_ASSIGN(const uint64_t id, table.Add(User(7)));
  EXPECT_FALSE(table.Find("fd:12").has_value());
  table.SetDescriptor(id, 12);
  EXPECT_EQ(table.Find("fd:12")->uid, 7u);
  for (const char* name : {"fd:13", "12", "fd:", "fd:12x", "unix:", "ipv4:127.0.0.1:12", ""}) {
    EXPECT_FALSE(table.Find(name).has_value()) << name;
  }
  table.Remove(id);
  EXPECT_FALSE(table.Find("fd:12").has_value());
}

TEST(ConnectionTable, ANumberThatWasUsedAgainStaysTheNewOnes) {
  ConnectionTable table(10, 10);
  ASSERT_OK_AND_ASSIGN(const uint64_t old_id, table.Add(User(1)));
  table.SetDescriptor(old_id, 5);
  ASSERT_OK_AND_ASSIGN(const uint64_t new_id, table.Add(User(2)));
  table.SetDescriptor(new_id, 5);
  table.Remove(old_id);
  EXPECT_EQ(table.Find("fd:5")->uid, 2u);
}

TEST(ConnectionTable, LimitsOfAllAndOfOneUserAreKept) {
  ConnectionTable table(3, 2);
  ASSERT_OK_AND_ASSIGN(const uint64_t id, table.Add(User(1)));
  ASSERT_OK(table.Add(User(1)));
  const absl::Status status = table.Add(User(1)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               testing::HasSubstr("limits.max_connections_per_user")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  ASSERT_OK(table.Add(User(2)));
  EXPECT_THAT(table.Add(User(3)), StatusIs(absl::StatusCode::kResourceExhausted,
                                           testing::HasSubstr("limits.max_connections)")));
  table.Remove(id);
  table.Remove(id);
  EXPECT_OK(table.Add(User(1)));
  EXPECT_EQ(table.size(), 3u);
}

TEST(PeerOf, UnixSocketTellsUserAndProcess) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const UniqueFd one(ends[0]);
  const UniqueFd other(ends[1]);
  ASSERT_OK_AND_ASSIGN(const Peer peer, PeerOf(one.get(), Peer::Kind::kUnix));
  EXPECT_EQ(peer.uid, geteuid());
  EXPECT_EQ(peer.pid, getpid());
  EXPECT_EQ(peer.ToString(),
            "uid " + std::to_string(geteuid()) + " pid " + std::to_string(getpid()));
}

TEST(PeerOf, WhatIsNoSocketIsAnError) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd one(ends[0]);
  const UniqueFd other(ends[1]);
  EXPECT_FALSE(PeerOf(one.get(), Peer::Kind::kUnix).ok());
  EXPECT_FALSE(PeerOf(one.get(), Peer::Kind::kTcp).ok());
}

}  // namespace
}  // namespace holkas
