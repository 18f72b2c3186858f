#include "worker/crypt/strict_base64.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

TEST(StrictBase64, ReadsWhatIsWritten) {
  EXPECT_THAT(DecodeBase64("+/8="), IsOkAndHolds("\xfb\xff"));
  EXPECT_THAT(DecodeBase64Url("-_8"), IsOkAndHolds("\xfb\xff"));
  EXPECT_EQ(EncodeBase64Url("\xfb\xff"), "-_8");
  EXPECT_THAT(DecodeBase64(""), IsOkAndHolds(""));
}

TEST(StrictBase64, OneTextForEachString) {
  for (const char* text : {"+/8", "+/9=", "+/8=\n", " +/8=", "-_8=", "+/8==", "=", "+"}) {
    EXPECT_THAT(DecodeBase64(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
  for (const char* text : {"-_8=", "-_9", "-_8 ", "+/8", "-"}) {
    EXPECT_THAT(DecodeBase64Url(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace holkas
