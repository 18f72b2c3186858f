#include "service/broker/connect_first.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// Listens on an address of 127/8; with `deaf`, so that connections to it hang.
class Listener {
 public:
  explicit Listener(const std::string& address, bool deaf = false)
      : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    Endpoint any = Endpoint::FromText(address, 0);
    EXPECT_EQ(bind(socket_.get(), &any.address(), any.size), 0);
    EXPECT_EQ(listen(socket_.get(), 0), 0);
    endpoint_.size = sizeof(endpoint_.storage);
    EXPECT_EQ(getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&endpoint_.storage),
                          &endpoint_.size),
              0);
    for (int i = 0; deaf && i < 4; ++i) {
      // A full backlog drops what comes next.
      UniqueFd filler(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      (void)connect(filler.get(), &endpoint_.address(), endpoint_.size);
      fillers_.push_back(std::move(filler));
    }
  }
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  UniqueFd socket_;
  Endpoint endpoint_;
  std::vector<UniqueFd> fillers_;
};

std::string PeerOf(const UniqueFd& socket) {
  Endpoint peer;
  peer.size = sizeof(peer.storage);
  getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size);
  return peer.ToString();
}

int OptionOf(const UniqueFd& socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  getsockopt(socket.get(), level, name, &value, &size);
  return value;
}

// Nobody listens there.
Endpoint Closed(const std::string& address) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Endpoint endpoint = Endpoint::FromText(address, 0);
  EXPECT_EQ(bind(socket.get(), &endpoint.address(), endpoint.size), 0);
  endpoint.size = sizeof(endpoint.storage);
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&endpoint.storage), &endpoint.size);
  return endpoint;
}

absl::Time Soon() { return absl::Now() + absl::Seconds(10); }

TEST(ConnectFirst, SocketIsReadyForAWorker) {
  Listener listener("127.0.0.1");
  Cancellation never;
  ASSERT_OK_AND_ASSIGN(UniqueFd socket, ConnectFirst({listener.endpoint()}, Soon(), never));
  EXPECT_EQ(PeerOf(socket), listener.endpoint().ToString());
  EXPECT_EQ(fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(fcntl(socket.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(OptionOf(socket, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(OptionOf(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(OptionOf(socket, IPPROTO_TCP, TCP_KEEPIDLE), 60);
}

TEST(ConnectFirst, DeadAddressesAreSkippedAtOnce) {
  Listener listener("127.0.0.1");
  std::vector<Endpoint> endpoints(9, Closed("127.0.0.2"));
  endpoints.push_back(listener.endpoint());
  Cancellation never;
  absl::Time start = absl::Now();
  ASSERT_OK_AND_ASSIGN(UniqueFd socket, ConnectFirst(endpoints, Soon(), never));
  EXPECT_EQ(PeerOf(socket), listener.endpoint().ToString());
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(250));
}

TEST(ConnectFirst, SilentAddressCostsAQuarterOfASecond) {
  Listener silent("127.0.0.2", /*deaf=*/true);
  Listener listener("127.0.0.1");
  Cancellation never;
  absl::Time start = absl::Now();
  ASSERT_OK_AND_ASSIGN(UniqueFd socket,
                       ConnectFirst({silent.endpoint(), listener.endpoint()}, Soon(), never));
  EXPECT_EQ(PeerOf(socket), listener.endpoint().ToString());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(249));
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(900));
}

TEST(ConnectFirst, FailureIsThatOfTheFirstAddress) {
  Endpoint first = Closed("127.0.0.2");
  Endpoint second = Closed("127.0.0.3");
  Cancellation never;
  absl::Status status = ConnectFirst({first, second}, Soon(), never).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               absl::StrCat("dial tcp ", first.ToString(),
                                            ": connect: connection refused")));
  EXPECT_EQ(ErrorReason(status), "REGISTRY_UNAVAILABLE");
}

TEST(ConnectFirst, DeadlineEndsTheWaiting) {
  Listener silent("127.0.0.2", /*deaf=*/true);
  Cancellation never;
  absl::Status status =
      ConnectFirst({silent.endpoint()}, absl::Now() + absl::Milliseconds(30), never).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("i/o timeout")));
}

TEST(ConnectFirst, CancellationEndsTheWaitingAtOnce) {
  Listener silent("127.0.0.2", /*deaf=*/true);
  Cancellation cancellation;
  std::thread canceller([&cancellation] { cancellation.Cancel(); });
  EXPECT_THAT(ConnectFirst({silent.endpoint()}, Soon(), cancellation).status(),
              StatusIs(absl::StatusCode::kCancelled));
  canceller.join();
}

TEST(InterleaveFamilies, TakesTurnsBeginningWithTheFirst) {
  std::vector<std::string> order;
  for (const Endpoint& endpoint :
       InterleaveFamilies({Endpoint::FromText("::1", 1), Endpoint::FromText("::2", 1),
                           Endpoint::FromText("::3", 1), Endpoint::FromText("10.0.0.1", 1)})) {
    order.push_back(endpoint.ToString());
  }
  EXPECT_THAT(order, testing::ElementsAre("[::1]:1", "10.0.0.1:1", "[::2]:1", "[::3]:1"));
}

}  // namespace
}  // namespace holkas
