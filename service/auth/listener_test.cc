#include "service/auth/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// A directory with a short path: a socket's path is at most 107 bytes long.
class ListenerTest : public testing::Test {
 protected:
  void SetUp() override {
    char directory[] = "/tmp/holkas_listener_XXXXXX";
    ASSERT_NE(mkdtemp(directory), nullptr);
    directory_ = directory;
    address_.unix_path = directory_ + "/s.sock";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  mode_t Mode() const {
    struct stat info = {};
    EXPECT_EQ(stat(address_.unix_path.c_str(), &info), 0);
    return info.st_mode & 0777;
  }

  std::string directory_;
  ListenAddress address_;
};

TEST(ListenAddress, ParsesUnixAndLoopback) {
  EXPECT_EQ(ListenAddress::Parse("unix:/run/x.sock")->unix_path, "/run/x.sock");
  EXPECT_EQ(ListenAddress::Parse("tcp:127.0.0.1:80")->tcp_port, 80);
  EXPECT_EQ(ListenAddress::Parse("tcp:localhost:0")->tcp_address, "127.0.0.1");
  EXPECT_EQ(ListenAddress::Parse("tcp:[::1]:5")->tcp_address, "::1");
}

TEST(ListenAddress, RefusesWhatIsMalformed) {
  for (const char* text : {"", "unix:", "unix:relative", "tcp:127.0.0.1", "tcp::80", "tcp:x:80",
                           "tcp:127.0.0.1:70000", "tcp:127.0.0.1:-1", "127.0.0.1:80", "http:x"}) {
    EXPECT_THAT(ListenAddress::Parse(text),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("listen on")))
        << text;
  }
  EXPECT_THAT(ListenAddress::Parse("unix:/" + std::string(200, 'x')),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("107 bytes")));
}

TEST(ListenAddress, TellsAddressesThatOthersReach) {
  for (const char* text : {"tcp:0.0.0.0:80", "tcp:192.168.0.1:80", "tcp:[::]:80"}) {
    ASSERT_OK_AND_ASSIGN(const ListenAddress address, ListenAddress::Parse(text));
    EXPECT_FALSE(address.IsLocal()) << text;
  }
  for (const char* text : {"tcp:127.1.2.3:80", "tcp:[::1]:80", "unix:/run/x"}) {
    ASSERT_OK_AND_ASSIGN(const ListenAddress address, ListenAddress::Parse(text));
    EXPECT_TRUE(address.IsLocal()) << text;
  }
}

TEST_F(ListenerTest, UnixSocketIsItsOwnersAlone) {
  ASSERT_OK_AND_ASSIGN(const Listener listener, Listener::Open(address_, false));
  EXPECT_EQ(Mode(), 0600u);
  EXPECT_EQ(listener.address(), "unix:" + address_.unix_path);
  EXPECT_EQ(listener.kind(), Peer::Kind::kUnix);
}

TEST_F(ListenerTest, UnixSocketIsOpenToUsersWhereToldSo) {
  ASSERT_OK_AND_ASSIGN(const Listener listener, Listener::Open(address_, true));
  EXPECT_EQ(Mode(), 0666u);
}

TEST_F(ListenerTest, SecondServerIsRefusedAndTheFirstStays) {
  ASSERT_OK_AND_ASSIGN(const Listener listener, Listener::Open(address_, false));
  EXPECT_THAT(Listener::Open(address_, false),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("another server does")));
  EXPECT_TRUE(std::filesystem::exists(address_.unix_path));
}

TEST_F(ListenerTest, TheNameGoesWithTheListener) {
  std::optional<Listener> listener(Listener::Open(address_, false).value());
  listener.reset();
  EXPECT_FALSE(std::filesystem::exists(address_.unix_path));
  EXPECT_OK(Listener::Open(address_, false));
}

TEST_F(ListenerTest, WhatADeadServerLeftIsRemoved) {
  const UniqueFd dead(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  memcpy(name.sun_path, address_.unix_path.data(), address_.unix_path.size());
  ASSERT_EQ(bind(dead.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  EXPECT_OK(Listener::Open(address_, false));
}

TEST_F(ListenerTest, SomethingElseAtThePathIsKept) {
  std::ofstream(address_.unix_path) << "precious";
  EXPECT_THAT(Listener::Open(address_, false),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("something else")));
  EXPECT_TRUE(std::filesystem::exists(address_.unix_path));
}

TEST_F(ListenerTest, ADirectoryThatEverybodyWritesToIsRefused) {
  ASSERT_EQ(chmod(directory_.c_str(), 0777), 0);
  EXPECT_THAT(Listener::Open(address_, false),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("everybody can write")));
}

TEST_F(ListenerTest, ADirectoryOfAnotherUserIsRefused) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "to give a directory away takes root";
  }
  constexpr uid_t kNobody = 65534;
  ASSERT_EQ(chown(directory_.c_str(), kNobody, 0), 0);
  EXPECT_THAT(Listener::Open(address_, false),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("belongs to user 65534")));
}

TEST_F(ListenerTest, ALockThatLeadsElsewhereIsNotOpened) {
  const std::string elsewhere = directory_ + "/elsewhere";
  ASSERT_EQ(symlink(elsewhere.c_str(), (address_.unix_path + ".lock").c_str()), 0);
  EXPECT_THAT(Listener::Open(address_, false).status().message(), HasSubstr("s.sock.lock"));
  EXPECT_FALSE(std::filesystem::exists(elsewhere));
}

TEST_F(ListenerTest, MissingDirectoryIsNotFound) {
  address_.unix_path = directory_ + "/none/s.sock";
  EXPECT_THAT(Listener::Open(address_, false), StatusIs(StatusCode::kNotFound));
}

TEST(Listener, TcpPortZeroGivesARealOne) {
  ASSERT_OK_AND_ASSIGN(const ListenAddress address, ListenAddress::Parse("tcp:127.0.0.1:0"));
  ASSERT_OK_AND_ASSIGN(const Listener listener, Listener::Open(address, false));
  ASSERT_OK_AND_ASSIGN(const ListenAddress real, ListenAddress::Parse(listener.address()));
  EXPECT_NE(real.tcp_port, 0);
  EXPECT_EQ(listener.kind(), Peer::Kind::kTcp);
  ASSERT_OK_AND_ASSIGN(const Listener tls, Listener::Open(address, false, Peer::Kind::kTls));
  EXPECT_EQ(tls.kind(), Peer::Kind::kTls);
}

}  // namespace
}  // namespace holkas
