#include "worker/storage/layer_budget.h"

#include <limits>

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
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("came as 0 bytes: 40001 entries (100%) of what")));
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

TEST(LayerBudget, EntriesAndBytesOfTarsAndCopiesShareALimit) {
  LayerBudget budget;
  ASSERT_OK(budget.TakeEntries(kFree / 4));
  ASSERT_OK(budget.TakeTar(LayerBudget::kFreeTarBytes / 2));
  ASSERT_OK(budget.TakeCopied(LayerBudget::kFreeCopiedBytes / 4));
  EXPECT_THAT(budget.TakeCopied(1), StatusIs(absl::StatusCode::kResourceExhausted,
                                             HasSubstr("bytes copied from layers below")));
  budget.AddBytes(LayerBudget::kFreeCopiedBytes / LayerBudget::kCopiedRatio + 1);
  EXPECT_OK(budget.TakeCopied(0));
}

TEST(LayerBudget, WhatTheStoreHasCountsForOneUseOfIt) {
  LayerBudget budget;
  constexpr int64_t kBytes = LayerBudget::kFreeTarBytes / LayerBudget::kTarRatio * 4;
  budget.AddStored(kBytes);
  ASSERT_OK(budget.TakeTar(LayerBudget::kFreeTarBytes));
  EXPECT_FALSE(budget.TakeStoredAgain(LayerBudget::kFreeTarBytes).ok());
  budget.AddBytes(kBytes);
  EXPECT_OK(budget.TakeStoredAgain(0));
}

TEST(LayerBudget, WhatIsGivenBackIsTakenLater) {
  LayerBudget budget;
  ASSERT_OK(budget.TakeEntries(kFree));
  ASSERT_OK(budget.TakeDescription(LayerBudget::kFreeDescriptionBytes));
  budget.GiveBack(kFree, LayerBudget::kFreeDescriptionBytes);
  EXPECT_OK(budget.TakeEntries(kFree));
  EXPECT_OK(budget.TakeDescription(LayerBudget::kFreeDescriptionBytes));
}

TEST(LayerBudget, WhatGzipCanGiveIsNeverTooMuch) {
  for (const int64_t blob_bytes : {int64_t{1} << 20, int64_t{1} << 40}) {
    LayerBudget budget;
    budget.AddBytes(blob_bytes);
    EXPECT_OK(budget.TakeTar(blob_bytes * 1032)) << blob_bytes;
    EXPECT_FALSE(budget.TakeTar(blob_bytes * 1032).ok()) << blob_bytes;
  }
}

TEST(LayerBudget, SizesThatNothingHasAreNoMoreThanMuch) {
  LayerBudget budget;
  for (int i = 0; i < 3; ++i) {
    budget.AddBytes(std::numeric_limits<int64_t>::max());
  }
  budget.AddBytes(-1);
  EXPECT_OK(budget.TakeTar(int64_t{1} << 60));
  EXPECT_FALSE(budget.TakeTar(int64_t{1} << 61).ok());
}

}  // namespace
}  // namespace holkas
