#include "clients/cpp/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

TEST(OpenChannel, TakesUnixSocketsAndOverTlsEveryHost) {
  for (const char* address :
       {"unix:/run/holkas/holkas.sock", "127.0.0.1:7373", "tcp:127.1.2.3:1", "localhost:65535",
        "[::1]:7373", "10.0.0.1:7373", "tcp:holkas.example.com:443", "tcp:[2001:db8::1]:443"}) {
    EXPECT_OK(OpenChannel(address)) << address;
  }
}

TEST(OpenChannel, APathIsTakenAsItIs) {
  // That of tests is too long for a socket.
  char directory[] = "/tmp/channel-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  for (const char* name : {"plain", "50%41", "a b", "a?b", "a#b", "\xc3\xa4", ":", "@", "!", "$",
                           "&", "'", "(", ")", "*", "+", ";", "=", "\\"}) {
    const std::string path = absl::StrCat(directory, "/", name);
    sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(at.sun_path, sizeof at.sun_path - 1);
    const UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    ASSERT_EQ(listen(listener.get(), 1), 0);
    ASSERT_OK_AND_ASSIGN(const auto channel, OpenChannel(absl::StrCat("unix:", path)));
    channel->GetState(/*try_to_connect=*/true);
    pollfd entry = {listener.get(), POLLIN, 0};
    EXPECT_EQ(poll(&entry, 1, 10'000), 1) << name;
  }
  std::filesystem::remove_all(directory);
}

TEST(OpenChannel, WithoutTlsTakesTheLoopbackAlone) {
  ServerAccess access;
  access.insecure = true;
  for (const char* address :
       {"127.0.0.1:7373", "tcp:127.1.2.3:1", "localhost:65535", "[::1]:7373"}) {
    EXPECT_OK(OpenChannel(address, access)) << address;
  }
  for (const char* address : {"10.0.0.1:7373", "tcp:holkas.example.com:443", "[2001:db8::1]:443"}) {
    EXPECT_THAT(OpenChannel(address, access),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("loopback")));
  }
}

TEST(OpenChannel, WantsCertificateAndKeyTogether) {
  ServerAccess access;
  access.certificate_pem = "x";
  EXPECT_THAT(OpenChannel("localhost:1", access),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("together")));
}

TEST(OpenChannel, RefusesOtherAddressesAndNamesThem) {
  struct Case {
    const char* address;
    const char* why;
  };
  for (const Case& c : {Case{"unix:relative", "not absolute"}, Case{"unix:/a,b", "comma"},
                        Case{"somewhere", "unix:/path"}, Case{"localhost:0", "port"},
                        Case{"localhost:x", "port"}, Case{"localhost:65536", "port"},
                        Case{"[::1:7373", "unix:/path"}, Case{"xds:///a:1", "unix:/path"},
                        Case{"[host]:1", "unix:/path"}, Case{":1", "unix:/path"}}) {
    EXPECT_THAT(OpenChannel(c.address),
                StatusIs(StatusCode::kInvalidArgument,
                         testing::AllOf(HasSubstr(c.address), HasSubstr(c.why))));
  }
}

}  // namespace
}  // namespace holkas
