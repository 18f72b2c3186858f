#include "service/wake_ups.h"

#include <unistd.h>

#include <csignal>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

TEST(WakeUps, SignalsAreEvents) {
  ASSERT_OK_AND_ASSIGN(WakeUps wake_ups, WakeUps::Create());
  EXPECT_EQ(wake_ups.Wait(absl::InfinitePast()), WakeUps::Reason::kNone);
  kill(getpid(), SIGTERM);
  EXPECT_EQ(wake_ups.Wait(absl::InfiniteFuture()), WakeUps::Reason::kSignal);
  EXPECT_EQ(wake_ups.Wait(absl::InfinitePast()), WakeUps::Reason::kNone);
  kill(getpid(), SIGINT);
  EXPECT_EQ(wake_ups.Wait(absl::InfiniteFuture()), WakeUps::Reason::kSignal);
}

TEST(WakeUps, TheConnectionsEndIsAnEvent) {
  ASSERT_OK_AND_ASSIGN(WakeUps wake_ups, WakeUps::Create());
  wake_ups.EndOfConnection();
  EXPECT_EQ(wake_ups.Wait(absl::InfiniteFuture()), WakeUps::Reason::kConnectionEnded);
  EXPECT_EQ(wake_ups.Wait(absl::Now() + absl::Milliseconds(1)), WakeUps::Reason::kNone);
}

TEST(WakeUps, HangUpsAreIgnored) {
  ASSERT_OK_AND_ASSIGN(WakeUps wake_ups, WakeUps::Create());
  kill(getpid(), SIGHUP);
  kill(getpid(), SIGPIPE);
  EXPECT_EQ(wake_ups.Wait(absl::InfinitePast()), WakeUps::Reason::kNone);
}

}  // namespace
}  // namespace holkas
