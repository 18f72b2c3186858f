#include "service/broker/connect_unix.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// A socket in a directory of its own: TEST_TMPDIR is too long for an address.
class ConnectUnixTest : public testing::Test {
 protected:
  ConnectUnixTest() {
    char directory[] = "/tmp/connect-unix-XXXXXX";
    directory_ = mkdtemp(directory);
    path_ = directory_ + "/s";
  }
  ~ConnectUnixTest() override {
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }

  void Listen(int backlog) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, path_.size());
    listener_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(listen(listener_.get(), backlog), 0);
  }
  absl::StatusOr<UniqueFd> Connect(absl::Duration patience = absl::Seconds(5)) {
    return ConnectUnix(path_, absl::Now() + patience, cancellation_);
  }

  std::string directory_;
  std::string path_;
  UniqueFd listener_;
  Cancellation cancellation_;
};

TEST_F(ConnectUnixTest, SocketIsConnectedAndBlocks) {
  Listen(5);
  ASSERT_OK_AND_ASSIGN(const UniqueFd socket, Connect());
  UniqueFd peer(accept(listener_.get(), nullptr, nullptr));
  ASSERT_EQ(write(peer.get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(read(socket.get(), &byte, 1), 1);
}

TEST_F(ConnectUnixTest, NobodyIsUnavailable) {
  const absl::Status status = Connect().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               "dial unix " + path_ + ": connect: no such file or directory"));
  EXPECT_EQ(ErrorReason(status), "DAEMON_UNAVAILABLE");
  Listen(5);
  listener_.reset();
  EXPECT_THAT(Connect(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("connect: connection refused")));
}

TEST_F(ConnectUnixTest, FullQueueIsWaitedFor) {
  Listen(0);
  std::vector<UniqueFd> queued;
  absl::StatusOr<UniqueFd> socket = Connect(absl::ZeroDuration());
  while (socket.ok()) {
    queued.push_back(*std::move(socket));
    socket = Connect(absl::ZeroDuration());
  }
  EXPECT_THAT(socket, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("i/o timeout")));
  cancellation_.Cancel();
  EXPECT_THAT(Connect(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ConnectUnixTest, PathThatHasNoRoomIsUnavailable) {
  path_ += std::string(200, 'a');
  EXPECT_THAT(Connect(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("file name too long")));
}

}  // namespace
}  // namespace holkas
