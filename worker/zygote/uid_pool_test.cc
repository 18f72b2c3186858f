#include "worker/zygote/uid_pool.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

constexpr char kAll[] = "         0          0 4294967295\n";

TEST(UidPool, TakesTheFreeRangeWhereTheNamespaceHasIt) {
  EXPECT_THAT(ChooseUidPoolFrom(kAll, kAll), IsOkAndHolds(0x70000000u));
}

TEST(UidPool, TakesTheEndOfASmallerRangePastNobody) {
  EXPECT_THAT(ChooseUidPoolFrom("0 100000 65536\n", "0 100000 65536\n"),
              IsOkAndHolds(65536u - 2048u));
}

TEST(UidPool, NeedsTheIdsAsGroupsToo) {
  EXPECT_THAT(ChooseUidPoolFrom(kAll, "0 0 1\n"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(UidPool, RefusesANamespaceOfRootAlone) {
  EXPECT_THAT(ChooseUidPoolFrom("0 1000 1\n", "0 1000 1\n"),
              StatusIs(absl::StatusCode::kFailedPrecondition, testing::HasSubstr("too few")));
}

TEST(UidPool, RefusesWhatIsNoMap) {
  EXPECT_THAT(ChooseUidPoolFrom("", ""), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace holkas
