#include "service/broker/resolver.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using Endpoints = absl::StatusOr<std::vector<Endpoint>>;

TEST(Resolver, AddressesNeedNoLookUp) {
  Resolver resolver(0, [](const std::string&, uint16_t) -> Endpoints {
    ADD_FAILURE();
    return absl::InternalError("");
  });
  Cancellation never;
  for (const char* host : {"127.0.0.1", "::1"}) {
    ASSERT_OK_AND_ASSIGN(std::vector<Endpoint> endpoints,
                         resolver.Resolve(host, 443, absl::Seconds(1), never));
    EXPECT_EQ(endpoints.size(), 1u);
  }
}

TEST(Resolver, AddressWithADotBehindItIsNoName) {
  int asked = 0;
  Resolver resolver(1, [&asked](const std::string&, uint16_t) -> Endpoints {
    ++asked;
    return absl::InternalError("asked");
  });
  Cancellation never;
  for (const char* host :
       {"127.0.0.1.", "127.1.", "2130706433.", "a.0.", "0x7f000001.", "0x7f.1.", "127.0XA."}) {
    EXPECT_THAT(resolver.Resolve(host, 443, absl::Seconds(1), never).status(),
                StatusIs(absl::StatusCode::kPermissionDenied,
                         absl::StrCat("connect to ", host, ": not a host")));
  }
  EXPECT_EQ(asked, 0);
  for (const char* host : {"a.", "0.a.", "a0.", "127.1", ".", "0x7g.", "x0."}) {
    EXPECT_THAT(resolver.Resolve(host, 443, absl::Seconds(1), never).status(),
                StatusIs(absl::StatusCode::kInternal, "asked"));
  }
}

TEST(Resolver, SystemKnowsLocalhost) {
  Resolver resolver;
  Cancellation never;
  ASSERT_OK_AND_ASSIGN(std::vector<Endpoint> endpoints,
                       resolver.Resolve("localhost", 443, absl::Seconds(5), never));
  EXPECT_THAT(endpoints.at(0).ToString(), testing::AnyOf("127.0.0.1:443", "[::1]:443"));
}

TEST(Resolver, NameWithoutAddressIsUnavailableInGosWords) {
  Resolver resolver(
      1, [](const std::string&, uint16_t) { return Endpoints(std::vector<Endpoint>()); });
  Cancellation never;
  absl::Status status = resolver.Resolve("no.example", 443, absl::Seconds(1), never).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               "dial tcp: lookup no.example: no such host"));
  EXPECT_EQ(ErrorReason(status), "REGISTRY_UNAVAILABLE");
}

TEST(Resolver, SlowLookUpIsLeftBehindAndCounts) {
  // Outlives the test where a look-up is left behind.
  auto done = std::make_shared<absl::Notification>();
  Resolver resolver(1, [done](const std::string&, uint16_t) {
    done->WaitForNotification();
    return Endpoints(std::vector<Endpoint>());
  });
  Cancellation never;
  EXPECT_THAT(resolver.Resolve("slow.example", 443, absl::Milliseconds(10), never).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("i/o timeout")));
  EXPECT_THAT(resolver.Resolve("slow.example", 443, absl::Milliseconds(10), never).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("too many look-ups")));
  done->Notify();
}

TEST(Resolver, CancelledLookUpIsLeftBehind) {
  // Outlives the test where a look-up is left behind.
  auto done = std::make_shared<absl::Notification>();
  Resolver resolver(1, [done](const std::string&, uint16_t) {
    done->WaitForNotification();
    return Endpoints(std::vector<Endpoint>());
  });
  Cancellation cancelled;
  cancelled.Cancel();
  EXPECT_THAT(resolver.Resolve("slow.example", 443, absl::Seconds(60), cancelled).status(),
              StatusIs(absl::StatusCode::kCancelled));
  done->Notify();
}

}  // namespace
}  // namespace holkas
