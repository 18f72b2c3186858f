#include "worker/http/stall_watch.h"

#include "gtest/gtest.h"

namespace holkas {
namespace {

TEST(StallWatch, ComplainsAfterTheIdleTime) {
  StallWatch watch({});
  watch.Waited(absl::Seconds(29));
  EXPECT_EQ(watch.Complaint(), std::nullopt);
  EXPECT_EQ(watch.Remaining(), absl::Seconds(1));
  watch.Waited(absl::Seconds(1));
  EXPECT_EQ(watch.Complaint(), "no byte for 30s");
}

TEST(StallWatch, ABytesArrivalBeginsTheIdleTimeAnew) {
  StallWatch watch({});
  watch.Waited(absl::Seconds(29));
  watch.Moved(100'000);
  watch.Waited(absl::Seconds(29));
  EXPECT_EQ(watch.Complaint(), std::nullopt);
}

TEST(StallWatch, ComplainsOfATrickle) {
  StallWatch watch({});
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(watch.Complaint(), std::nullopt);
    watch.Moved(1);
    watch.Waited(absl::Seconds(10));
  }
  EXPECT_EQ(watch.Complaint(), "less than 1024 bytes a second for 1m");
}

TEST(StallWatch, SlowButSteadyIsFineForever) {
  StallWatch watch({});
  for (int i = 0; i < 1000; ++i) {
    watch.Moved(10 << 10);
    watch.Waited(absl::Seconds(10));
    ASSERT_EQ(watch.Complaint(), std::nullopt);
  }
}

TEST(StallWatch, FastPastDoesNotExcuseATrickle) {
  StallWatch watch({});
  watch.Moved(1 << 30);
  watch.Waited(absl::Seconds(1));
  int steps = 0;
  while (watch.Complaint() == std::nullopt && ++steps < 100) {
    watch.Moved(1);
    watch.Waited(absl::Seconds(10));
  }
  EXPECT_LE(steps, 13);
}

TEST(StallWatch, RestartForgets) {
  StallWatch watch({});
  watch.Waited(absl::Seconds(40));
  watch.Restart();
  EXPECT_EQ(watch.Complaint(), std::nullopt);
  EXPECT_EQ(watch.Remaining(), absl::Seconds(30));
}

}  // namespace
}  // namespace holkas
