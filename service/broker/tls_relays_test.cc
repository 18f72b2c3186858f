#include "service/broker/tls_relays.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/test_tls.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// More than all buffers on the way hold.
constexpr size_t kMuch = 24 << 20;
// What may be on its way to a proxy that reads nothing: the sockets' buffers and the relay's.
constexpr size_t kMaxUnderWay = 16 << 20;

std::string Much(char seed) {
  std::string bytes(kMuch, '\0');
  uint32_t state = static_cast<unsigned char>(seed);
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

// Of this process so far.
absl::Duration CpuTime() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
}

class TlsRelaysTest : public testing::Test {
 protected:
  TlsRelaysTest() { certificate_.Trust(); }

  std::unique_ptr<TlsStream> Handshake(const TestServer& server) {
    absl::StatusOr<std::unique_ptr<TlsStream>> stream =
        TlsStream::New(context_, server.Connect(), "proxy.test");
    EXPECT_OK(stream);
    while (true) {
      const TlsStream::Step step = (*stream)->Handshake();
      if (step.kind != TlsStream::Step::Kind::kBlocked) {
        EXPECT_EQ(step.kind, TlsStream::Step::Kind::kMoved) << (*stream)->error();
        return *std::move(stream);
      }
      pollfd entry = {(*stream)->fd(), step.events, 0};
      poll(&entry, 1, 10'000);
    }
  }
  UniqueFd Connect(const TestServer& server) {
    absl::StatusOr<UniqueFd> socket = relays_.Add(Handshake(server));
    EXPECT_OK(socket);
    return *std::move(socket);
  }
  // Waits until there are only so many relays.
  void AwaitSize(int size) {
    const absl::Time deadline = absl::Now() + absl::Seconds(10);
    while (relays_.size() > size && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    EXPECT_EQ(relays_.size(), size);
  }
  // That nothing is going on which costs time.
  static void ExpectQuiet() {
    const absl::Duration before = CpuTime();
    absl::SleepFor(absl::Milliseconds(200));
    EXPECT_LT(CpuTime() - before, absl::Milliseconds(60));
  }
  // Sends until nothing more is taken. How much that was.
  static size_t SendUntilFull(int fd) {
    const std::string piece(64 << 10, 'x');
    size_t sent = 0;
    pollfd entry = {fd, POLLOUT, 0};
    while (sent < 2 * kMaxUnderWay && poll(&entry, 1, 300) == 1) {
      const ssize_t taken = send(fd, piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      sent += static_cast<size_t>(std::max<ssize_t>(taken, 0));
    }
    return sent;
  }

  const TestCertificate certificate_{"DNS:proxy.test"};
  TlsContext context_;
  TlsRelays relays_{context_};
};

TEST_F(TlsRelaysTest, SocketIsTheConnection) {
  TestServer server(
      [](TestPeer& peer) {
        peer.Send("hello ");
        peer.Send(peer.ReceiveUntil("."));
      },
      &certificate_);
  const UniqueFd socket = Connect(server);
  TestPeer worker(socket.get());
  EXPECT_TRUE(worker.Send("worker."));
  EXPECT_EQ(worker.ReceiveUntil("."), "hello worker.");
  EXPECT_EQ(fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(fcntl(socket.get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(TlsRelaysTest, MuchGoesBothWaysAtOnceOnSeveralConnections) {
  const std::string up = Much('u');
  const std::string down = Much('d');
  constexpr int kConnections = 3;
  std::vector<std::unique_ptr<TestServer>> servers;
  std::vector<std::string> heard(kConnections);
  std::vector<std::string> told(kConnections);
  std::vector<std::thread> threads;
  for (int i = 0; i < kConnections; ++i) {
    // OpenSSL's connections are for one thread at a time: it reads and writes in turn.
    servers.push_back(std::make_unique<TestServer>(
        [&, i](TestPeer& peer) {
          for (size_t at = 0; at < kMuch; at += 64 << 10) {
            peer.Send(absl::string_view(down).substr(at, 64 << 10));
            heard[i] += peer.Receive();
          }
          peer.SendEnd();
          heard[i] += peer.ReceiveAll();
        },
        &certificate_));
    threads.emplace_back([&, i, socket = Connect(*servers.back())] {
      TestPeer worker(socket.get());
      std::thread sender([&] {
        worker.Send(up);
        worker.SendEnd();
      });
      told[i] = worker.ReceiveAll();
      sender.join();
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (int i = 0; i < kConnections; ++i) {
    servers[i]->Join();
    EXPECT_TRUE(heard[i] == up) << heard[i].size();
    EXPECT_TRUE(told[i] == down) << told[i].size();
  }
  AwaitSize(0);
}

TEST_F(TlsRelaysTest, WorkerMayEndItsSendingAlone) {
  TestServer server(
      [](TestPeer& peer) {
        const std::string all = peer.ReceiveAll();
        peer.Send("after the end: " + all);
        peer.SendEnd();
      },
      &certificate_);
  const UniqueFd socket = Connect(server);
  TestPeer worker(socket.get());
  worker.Send("all");
  worker.SendEnd();
  EXPECT_EQ(worker.ReceiveAll(), "after the end: all");
  AwaitSize(0);
}

TEST_F(TlsRelaysTest, ProxyMayEndItsSendingAlone) {
  std::string heard;
  TestServer server(
      [&](TestPeer& peer) {
        peer.Send("all");
        peer.SendEnd();
        heard = peer.ReceiveAll();
      },
      &certificate_);
  UniqueFd socket = Connect(server);
  TestPeer worker(socket.get());
  EXPECT_EQ(worker.ReceiveAll(), "all");
  ExpectQuiet();
  EXPECT_TRUE(worker.Send("after the end"));
  socket.reset();
  server.Join();
  EXPECT_EQ(heard, "after the end");
  AwaitSize(0);
}

TEST_F(TlsRelaysTest, LastBytesOfAWorkerThatIsGoneArrive) {
  std::string heard;
  bool was_end = false;
  TestServer server(
      [&](TestPeer& peer) {
        peer.Send("unread");
        heard = peer.ReceiveAll();
        was_end = (SSL_get_shutdown(peer.ssl()) & SSL_RECEIVED_SHUTDOWN) != 0;
      },
      &certificate_);
  UniqueFd socket = Connect(server);
  TestPeer(socket.get()).Send("last bytes");
  socket.reset();
  server.Join();
  EXPECT_EQ(heard, "last bytes");
  EXPECT_TRUE(was_end);
  AwaitSize(0);
}

TEST_F(TlsRelaysTest, WorkerThatIsGoneIsNotWaitedForByAProxyThatReadsNothing) {
  absl::Notification done;
  TestServer server([&](TestPeer&) { done.WaitForNotification(); }, &certificate_);
  UniqueFd socket = Connect(server);
  SendUntilFull(socket.get());
  socket.reset();
  ExpectQuiet();
  AwaitSize(0);
  done.Notify();
}

TEST_F(TlsRelaysTest, BrokenConnectionEndsTheSocket) {
  TestServer server(
      [](TestPeer& peer) {
        peer.Send("some");
        // Without TLS's word for it.
        shutdown(peer.fd(), SHUT_RDWR);
      },
      &certificate_);
  const UniqueFd socket = Connect(server);
  TestPeer worker(socket.get());
  EXPECT_EQ(worker.ReceiveAll(), "some");
  AwaitSize(0);
  EXPECT_FALSE(worker.Send("anything"));
}

TEST_F(TlsRelaysTest, WhatNobodyReadsIsNotCollected) {
  absl::Notification done;
  TestServer server([&](TestPeer&) { done.WaitForNotification(); }, &certificate_);
  const UniqueFd socket = Connect(server);
  EXPECT_LT(SendUntilFull(socket.get()), kMaxUnderWay);
  ExpectQuiet();
  done.Notify();
}

TEST_F(TlsRelaysTest, WhatTheWorkerDoesNotReadIsNotCollected) {
  absl::Notification full;
  TestServer server(
      [&](TestPeer& peer) {
        // Blocks when the way is full: the rest is cut off with the connection.
        peer.Send(Much('d'));
        full.Notify();
      },
      &certificate_);
  const UniqueFd socket = Connect(server);
  EXPECT_FALSE(full.WaitForNotificationWithTimeout(absl::Milliseconds(500)));
  ExpectQuiet();
  relays_.Stop();
  full.WaitForNotification();
}

TEST_F(TlsRelaysTest, IdleRelayIsQuiet) {
  absl::Notification done;
  TestServer server([&](TestPeer&) { done.WaitForNotification(); }, &certificate_);
  const UniqueFd socket = Connect(server);
  ExpectQuiet();
  EXPECT_EQ(relays_.size(), 1);
  done.Notify();
}

TEST_F(TlsRelaysTest, StopEndsBothSides) {
  std::string heard = "?";
  TestServer server([&](TestPeer& peer) { heard = peer.ReceiveAll(); }, &certificate_);
  const UniqueFd socket = Connect(server);
  relays_.Stop();
  EXPECT_EQ(TestPeer(socket.get()).Receive(), "");
  server.Join();
  EXPECT_EQ(heard, "");
  TestServer late([](TestPeer&) {}, &certificate_);
  EXPECT_THAT(relays_.Add(Handshake(late)), StatusIs(StatusCode::kCancelled));
}

TEST_F(TlsRelaysTest, DescriptorsSentAlongAreDropped) {
  TestServer server([](TestPeer& peer) { peer.Send(peer.ReceiveUntil(".")); }, &certificate_);
  const UniqueFd socket = Connect(server);
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  UniqueFd kept(pair[0]);
  UniqueFd sent(pair[1]);
  char text[] = "x.";
  iovec part = {text, 2};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  *reinterpret_cast<int*>(CMSG_DATA(header)) = sent.get();
  ASSERT_EQ(sendmsg(socket.get(), &message, 0), 2);
  sent.reset();
  EXPECT_EQ(TestPeer(socket.get()).ReceiveUntil("."), "x.");
  // The last reference to the other end is gone.
  EXPECT_EQ(TestPeer(kept.get()).Receive(), "");
}

TEST_F(TlsRelaysTest, ThereAreOnlySoManyAtOnce) {
  std::vector<std::unique_ptr<TestServer>> servers;
  std::vector<UniqueFd> sockets;
  for (int i = 0; i < TlsRelays::kMaxRelays; ++i) {
    servers.push_back(std::make_unique<TestServer>([](TestPeer&) {}, &certificate_));
    sockets.push_back(Connect(*servers.back()));
  }
  TestServer more([](TestPeer&) {}, &certificate_);
  const absl::Status status = relays_.Add(Handshake(more)).status();
  EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted, HasSubstr("more than 256 at once")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  sockets.pop_back();
  AwaitSize(TlsRelays::kMaxRelays - 1);
  TestServer next([](TestPeer&) {}, &certificate_);
  EXPECT_OK(relays_.Add(Handshake(next)));
}

}  // namespace
}  // namespace holkas
