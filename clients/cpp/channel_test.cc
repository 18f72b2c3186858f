#include "clients/cpp/channel.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

TEST(OpenChannel, TakesUnixSocketsAndTheLoopback) {
  for (const char* address : {"unix:/run/holkas/holkas.sock", "127.0.0.1:7373", "tcp:127.1.2.3:1",
                              "localhost:65535", "[::1]:7373"}) {
    EXPECT_OK(OpenChannel(address)) << address;
  }
}

TEST(OpenChannel, RefusesOtherAddressesAndNamesThem) {
  struct Case {
    const char* address;
    const char* why;
  };
  for (const Case& c :
       {Case{"unix:relative", "not absolute"}, Case{"somewhere", "unix:/path"},
        Case{"localhost:0", "port"}, Case{"localhost:x", "port"}, Case{"localhost:65536", "port"},
        Case{"10.0.0.1:7373", "loopback"}, Case{"registry.example.com:7373", "loopback"},
        Case{"[::1:7373", "unix:/path"}}) {
    EXPECT_THAT(OpenChannel(c.address),
                StatusIs(StatusCode::kInvalidArgument,
                         testing::AllOf(HasSubstr(c.address), HasSubstr(c.why))));
  }
}

}  // namespace
}  // namespace holkas
