#include "worker/storage/layer_budget.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kFree = LayerBudget::kFreeEntries;

TEST(LayerBudget, SoMuchIsFree) {
  LayerBudget budget;
  EXPECT_OK(budget.TakeEntries(kFree));
  EXPECT_OK(budget.TakeDescription(LayerBudget::kFreeDescriptionBytes));
  EXPECT_THAT(budget.TakeEntries(1),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("entries in all layers")));
  EXPECT_THAT(budget.TakeDescription(LayerBudget::kDescriptionRatio),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("headers of more than")));
}

TEST(LayerBudget, WhatIsReadOfOneLayerCountsForAll) {
  LayerBudget budget;
  budget.AddBytes(kFree * LayerBudget::kEntryBlobBytes);
  ASSERT_OK(budget.TakeEntries(kFree));
  EXPECT_FALSE(budget.TakeEntries(1).ok());
  budget.AddBytes(LayerBudget::kEntryBlobBytes);
  EXPECT_OK(budget.TakeEntries(0));
}

TEST(LayerBudget, TheSizeOfAnArchiveStandsForWhatItBecomes) {
  LayerBudget budget;
  budget.SetSize((kFree + 10) * LayerBudget::kEntryBlobBytes);
  budget.AddBytes(1'000'000'000);
  EXPECT_OK(budget.TakeEntries(kFree + 10));
  EXPECT_FALSE(budget.TakeEntries(1).ok());
}

}  // namespace
}  // namespace holkas
