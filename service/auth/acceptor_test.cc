#include "service/auth/acceptor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <optional>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

class AcceptorTest : public testing::Test {
 protected:
  void SetUp() override {
    char directory[] = "/tmp/holkas_acceptor_XXXXXX";
    ASSERT_NE(mkdtemp(directory), nullptr);
    directory_ = directory;
  }
  void TearDown() override {
    acceptor_.reset();
    std::filesystem::remove_all(directory_);
  }

  // `max_connections`: in all, and of one user.
  void Start(size_t max_connections, absl::Duration first_byte_timeout = absl::Seconds(30),
             Acceptor::Options options = {}) {
    table_.emplace(max_connections, max_connections);
    options.first_byte_timeout = first_byte_timeout;
    options.serve = [this](int fd, Peer::Kind) {
      absl::MutexLock lock(&mutex_);
      served_.emplace_back(fd);
    };
    options.on_private_end = [this] { private_end_.Notify(); };
    acceptor_.emplace(*table_, logger_, std::move(options));
    ListenAddress address;
    address.unix_path = directory_ + "/s";
    std::vector<Listener> listeners;
    listeners.push_back(Listener::Open(address, false).value());
    ASSERT_OK(acceptor_->Start(std::move(listeners)));
  }

  UniqueFd Connect() {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    const std::string path = directory_ + "/s";
    memcpy(name.sun_path, path.data(), path.size());
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
      fd.reset();
    }
    return fd;
  }

  // Waits until so many connections were handed over; the last one's descriptor.
  int Served(size_t count) {
    const auto enough = [this, count]()
                            ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return served_.size() >= count; };
    absl::MutexLock lock(&mutex_, absl::Condition(&enough));
    return served_.back().get();
  }

  // Waits for the peer's end.
  static bool Ends(const UniqueFd& fd) {
    pollfd poll_fd = {fd.get(), POLLIN, 0};
    char byte;
    return poll(&poll_fd, 1, 30000) == 1 && read(fd.get(), &byte, 1) <= 0;
  }

  Logger logger_{LogLevel::kOff, LogFormat::kJson, -1};
  std::string directory_;
  absl::Mutex mutex_;
  std::vector<UniqueFd> served_ ABSL_GUARDED_BY(mutex_);
  absl::Notification private_end_;
  std::optional<ConnectionTable> table_;
  std::optional<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, HandsOverWhatSpeaksAndKnowsWhoItIs) {
  Start(10);
  const UniqueFd client = Connect();
  ASSERT_EQ(write(client.get(), "x", 1), 1);
  const int fd = Served(1);
  EXPECT_EQ(table_->Find("fd:" + std::to_string(fd))->uid, geteuid());
  EXPECT_NE(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(AcceptorTest, ClosesWhatStaysSilent) {
  Start(10, absl::Milliseconds(20));
  const UniqueFd client = Connect();
  EXPECT_TRUE(Ends(client));
  EXPECT_EQ(table_->size(), 0u);
}

TEST_F(AcceptorTest, KeepsTheLimitAndCountsWhatEnded) {
  Start(1);
  UniqueFd client = Connect();
  ASSERT_EQ(write(client.get(), "x", 1), 1);
  const int fd = Served(1);
  EXPECT_TRUE(Ends(Connect()));
  // gRPC shuts its socket down when it is done.
  shutdown(fd, SHUT_RDWR);
  EXPECT_TRUE(Ends(client));
  // The place becomes free when the acceptor has seen the end, a moment later.
  while (table_->size() > 0) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  client = Connect();
  ASSERT_EQ(write(client.get(), "x", 1), 1);
  Served(2);
}

TEST_F(AcceptorTest, WhoIsRefusedIsToldAndClosed) {
  Acceptor::Options options;
  absl::Notification told;
  UniqueFd refused;
  options.refuse = [&](int fd, Peer::Kind) {
    refused.reset(fd);
    told.Notify();
  };
  options.refused_time = absl::Milliseconds(20);
  Start(0, absl::Seconds(30), std::move(options));
  const UniqueFd client = Connect();
  ASSERT_EQ(write(client.get(), "x", 1), 1);
  EXPECT_TRUE(Ends(client));
  ASSERT_TRUE(told.HasBeenNotified());
  EXPECT_OK(table_->RefusalOf("fd:" + std::to_string(refused.get()))) << "it is forgotten";
}

TEST_F(AcceptorTest, WhoIsRefusedAndSilentIsClosedAsSoon) {
  Acceptor::Options options;
  options.refuse = [](int, Peer::Kind) { ADD_FAILURE(); };
  options.refused_time = absl::Milliseconds(20);
  Start(0, absl::Hours(1), std::move(options));
  const absl::Time start = absl::Now();
  EXPECT_TRUE(Ends(Connect()));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(20));
}

TEST_F(AcceptorTest, WhoFloodsIsToldSoOftenAndThenClosedAtOnce) {
  Acceptor::Options options;
  options.refuse = [](int, Peer::Kind) { ADD_FAILURE(); };
  options.refused_time = absl::Hours(1);
  Start(0, absl::Hours(1), std::move(options));
  std::vector<UniqueFd> told;
  for (size_t i = 0; i < ConnectionTable::kMaxRefusedPerUser; ++i) {
    told.push_back(Connect());
  }
  EXPECT_TRUE(Ends(Connect()));
  for (const UniqueFd& client : told) {
    pollfd poll_fd = {client.get(), POLLIN, 0};
    EXPECT_EQ(poll(&poll_fd, 1, 0), 0);
  }
  // Who ends makes room for another one to be told.
  told.pop_back();
  for (bool is_open = false; !is_open;) {
    told.push_back(Connect());
    pollfd poll_fd = {told.back().get(), POLLIN, 0};
    is_open = poll(&poll_fd, 1, 50) == 0;
  }
}

TEST_F(AcceptorTest, PrivateConnectionTellsItsEnd) {
  Start(10);
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  UniqueFd client(ends[0]);
  ASSERT_OK(acceptor_->AddPrivate(UniqueFd(ends[1])));
  ASSERT_EQ(write(client.get(), "x", 1), 1);
  EXPECT_EQ(table_->Find("fd:" + std::to_string(Served(1)))->kind, Peer::Kind::kPrivate);
  EXPECT_FALSE(private_end_.HasBeenNotified());
  client.reset();
  private_end_.WaitForNotification();
}

TEST_F(AcceptorTest, WhatIsNoSocketCannotBeServed) {
  Start(10);
  EXPECT_THAT(acceptor_->AddPrivate(UniqueFd(open("/dev/null", O_RDWR | O_CLOEXEC))),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(AcceptorTest, StopListeningRemovesTheNameAndKeepsConnections) {
  Start(10);
  const UniqueFd client = Connect();
  ASSERT_EQ(write(client.get(), "x", 1), 1);
  const int fd = Served(1);
  acceptor_->StopListening();
  EXPECT_FALSE(Connect().valid());
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/s"));
  EXPECT_EQ(write(fd, "y", 1), 1);
}

TEST_F(AcceptorTest, RunningOutOfDescriptorsIsSurvived) {
  Start(10);
  const UniqueFd first = Connect();
  ASSERT_EQ(write(first.get(), "x", 1), 1);
  Served(1);
  const UniqueFd second(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  // poll itself wants room for one.
  const rlimit none = {1, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  const std::string path = directory_ + "/s";
  memcpy(name.sun_path, path.data(), path.size());
  ASSERT_EQ(connect(second.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(write(second.get(), "x", 1), 1);
  pollfd poll_fd = {second.get(), POLLIN, 0};
  EXPECT_EQ(poll(&poll_fd, 1, 20), 0) << "it waits in the backlog";
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  Served(2);
}

}  // namespace
}  // namespace holkas
