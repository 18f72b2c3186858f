#include "service/auth/pending_requests.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

TEST(PendingRequests, RefusesMoreOfOneConnectionAndTakesOthers) {
  PendingRequests requests(3);
  const uint64_t one = requests.NewConnection();
  const uint64_t other = requests.NewConnection();
  for (int i = 0; i < 3; ++i) {
    EXPECT_OK(requests.Begin(one));
  }
  const absl::Status status = requests.Begin(one);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               testing::HasSubstr("3 of its connection have no message yet")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  EXPECT_OK(requests.Begin(other));
}

TEST(PendingRequests, AConnectionWhoseRequestsArriveMayTakeSomeBack) {
  PendingRequests requests(3);
  const uint64_t connection = requests.NewConnection();
  for (int i = 0; i < 100; ++i) {
    EXPECT_OK(requests.Begin(connection));  // taken back
    EXPECT_OK(requests.Begin(connection));
    requests.Arrive(connection);
  }
}

}  // namespace
}  // namespace holkas
