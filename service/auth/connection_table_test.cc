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

TEST(ConnectionTable, WhatIsRefusedIsToldAndTakesNoPlace) {
  ConnectionTable table(1, 1);
  ASSERT_OK(table.Add(User(1)));
  const absl::Status why = table.Add(User(1)).status();
  ASSERT_OK_AND_ASSIGN(const uint64_t id, table.AddRefused(User(1), why));
  table.SetDescriptor(id, 7);
  EXPECT_EQ(table.RefusalOf("fd:7"), why);
  EXPECT_FALSE(table.Find("fd:7").has_value());
  EXPECT_EQ(table.size(), 1u);
  table.Remove(id);
  EXPECT_OK(table.RefusalOf("fd:7"));
  EXPECT_EQ(table.size(), 1u);
  EXPECT_FALSE(table.Add(User(1)).ok());
}

TEST(ConnectionTable, SoManyAreToldAndOfOneUserFewer) {
  ConnectionTable table(0, 1);
  const absl::Status why = table.Add(User(1)).status();
  uint64_t first = 0;
  size_t told = 0;
  for (uid_t uid = 1; told < ConnectionTable::kMaxRefused; ++uid) {
    for (size_t i = 0; i < ConnectionTable::kMaxRefusedPerUser; ++i, ++told) {
      ASSERT_OK_AND_ASSIGN(first, table.AddRefused(User(uid), why));
    }
    EXPECT_EQ(table.AddRefused(User(uid), why).status(), why);
  }
  EXPECT_EQ(table.AddRefused(User(1000), why).status(), why);
  table.Remove(first);
  EXPECT_OK(table.AddRefused(User(1000), why));
}

Peer Remote(const std::string& address) {
  Peer peer;
  peer.kind = Peer::Kind::kTls;
  peer.address = address;
  return peer;
}

TEST(ConnectionTable, OverTlsGrpcKnowsTheAddress) {
  ConnectionTable table(10, 10);
  ASSERT_OK_AND_ASSIGN(const uint64_t v4, table.Add(Remote("192.0.2.1:400")));
  ASSERT_OK_AND_ASSIGN(const uint64_t v6, table.Add(Remote("[2001:db8::1]:500")));
  table.SetDescriptor(v4, 7);
  table.SetDescriptor(v6, 8);
  EXPECT_EQ(table.Find("ipv4:192.0.2.1:400")->address, "192.0.2.1:400");
  EXPECT_EQ(table.Find("ipv6:%5B2001:db8::1%5D:500")->address, "[2001:db8::1]:500");
  EXPECT_FALSE(table.Find("fd:7").has_value());
  table.Remove(v4);
  EXPECT_FALSE(table.Find("ipv4:192.0.2.1:400").has_value());
}

TEST(ConnectionTable, AnAddressOverTcpIsCountedByItselfAndOfIpv6ItsNetwork) {
  ConnectionTable table(10, 1);
  ASSERT_OK(table.Add(Remote("192.0.2.1:400")));
  EXPECT_THAT(table.Add(Remote("192.0.2.1:401")), StatusIs(absl::StatusCode::kResourceExhausted,
                                                           testing::HasSubstr("192.0.2.1 has 1")));
  ASSERT_OK(table.Add(Remote("192.0.2.2:400")));
  ASSERT_OK(table.Add(Remote("[2001:db8::1]:400")));
  EXPECT_THAT(table.Add(Remote("[2001:db8::ffff:2]:400")),
              StatusIs(absl::StatusCode::kResourceExhausted, testing::HasSubstr("2001:db8::/64")));
  ASSERT_OK(table.Add(Remote("[2001:db8:0:1::1]:400")));
}

TEST(ConnectionTable, TheOldestThatHasNotSpokenIsInExcess) {
  ConnectionTable table(10, 10, 2);
  ASSERT_OK_AND_ASSIGN(const uint64_t spoken, table.Add(Remote("192.0.2.1:1")));
  table.SetDescriptor(spoken, 7);
  table.SetSpoken("ipv4:192.0.2.1:1");
  ASSERT_OK_AND_ASSIGN(const uint64_t oldest, table.Add(Remote("192.0.2.1:2")));
  ASSERT_OK(table.Add(Remote("192.0.2.1:3")));
  ASSERT_OK(table.Add(User(7)));
  EXPECT_EQ(table.ExcessSilent(), std::nullopt);
  ASSERT_OK(table.Add(Remote("192.0.2.1:4")));
  EXPECT_EQ(table.ExcessSilent(), oldest);
  table.Remove(oldest);
  EXPECT_EQ(table.ExcessSilent(), std::nullopt);
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
