#include "worker/blob/expansion_budget.h"

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/compression.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

constexpr ExpansionLimits kLimits = {.free_bytes = 1000, .ratio = 10};

class ExpansionBudgetTest : public testing::Test {
 protected:
  std::unique_ptr<ExpansionMeter> Meter() {
    return std::make_unique<ExpansionMeter>(Compression::kXz, kLimits, budget_);
  }
  // A blob that came to its end.
  absl::Status Count(size_t in_bytes, size_t out_bytes) {
    const auto meter = Meter();
    absl::Status status = meter->Count(in_bytes, out_bytes);
    meter->End();
    return status;
  }

  const std::shared_ptr<ExpansionBudget> budget_ = std::make_shared<ExpansionBudget>();
};

TEST_F(ExpansionBudgetTest, BeyondTheRatioSomeBytesAreFree) {
  const auto meter = Meter();
  EXPECT_OK(meter->Count(1, 1000));
  const absl::Status status = meter->Count(0, 1);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("decompress xz: of 1 bytes come 1001, more than 10")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST_F(ExpansionBudgetTest, WithinTheRatioAnythingMayCome) {
  const auto meter = Meter();
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(meter->Count(100, 1000));
  }
}

TEST_F(ExpansionBudgetTest, BlobsShareWhatIsFree) {
  EXPECT_OK(Count(1, 600));
  EXPECT_OK(Count(1, 300));
  EXPECT_FALSE(Count(1, 200).ok());
}

TEST_F(ExpansionBudgetTest, WhatLaterBytesAllowIsGivenBack) {
  const auto meter = Meter();
  ASSERT_OK(meter->Count(1, 900));
  ASSERT_OK(meter->Count(200, 1));
  EXPECT_OK(Count(1, 1000));
}

TEST_F(ExpansionBudgetTest, WhatDidNotComeToItsEndIsGivenBack) {
  auto meter = Meter();
  ASSERT_OK(meter->Count(1, 900));
  meter.reset();
  EXPECT_OK(Count(1, 1000));
}

TEST_F(ExpansionBudgetTest, AnArchiveBoundsAllItsMembers) {
  constexpr int64_t kMiB = 1 << 20;
  budget_->SetSize(kMiB);
  ASSERT_OK(Count(100 * kMiB, 1000 * kMiB));
  ASSERT_OK(Count(10 * kMiB, 99 * kMiB));
  EXPECT_THAT(Count(10 * kMiB, 2 * kMiB), StatusIs(absl::StatusCode::kResourceExhausted,
                                                   HasSubstr("bytes come of an archive")));
}

TEST_F(ExpansionBudgetTest, SmallArchivesMayBecomeSoMuch) {
  budget_->SetSize(1);
  const auto meter = std::make_unique<ExpansionMeter>(
      Compression::kGzip, ExpansionLimitsOf(Compression::kGzip), budget_);
  EXPECT_OK(meter->Count(1 << 20, ExpansionBudget::kFreeBytes));
  EXPECT_FALSE(meter->Count(0, ExpansionBudget::kRatio + 1).ok());
}

TEST_F(ExpansionBudgetTest, NoBlobIsLargerThanALayerMayBe) {
  EXPECT_OK(Count(kMaxDecompressedBytes, kMaxDecompressedBytes));
  EXPECT_FALSE(Count(kMaxDecompressedBytes, kMaxDecompressedBytes + 1).ok());
}

}  // namespace
}  // namespace holkas
