#include "clients/cli/progress_bars.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

using holkas::v1::CopyResponse;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kBlob[] = "sha256:0123456789abcdef";

std::vector<std::string> Apply(ProgressBars& bars, const std::string& text) {
  CopyResponse event;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &event)) << text;
  return bars.Apply(event);
}

std::string Start(const std::string& digest, const std::string& kind = "BLOB_KIND_LAYER") {
  return "blob_started { digest: '" + digest + "' size_bytes: 2097152 kind: " + kind + " }";
}

TEST(FormatSize, HasOneDecimalAboveABytesUnit) {
  EXPECT_EQ(FormatSize(0), "0B");
  EXPECT_EQ(FormatSize(1023), "1023B");
  EXPECT_EQ(FormatSize(1536), "1.5KiB");
  EXPECT_EQ(FormatSize(int64_t{5} << 40), "5.0TiB");
  EXPECT_EQ(FormatSize(int64_t{3} << 50), "3072.0TiB");
}

TEST(BarRow, FillsTheWidthUpToFortyCells) {
  EXPECT_EQ(BarRow("Copying blob 0123456789ab", 1 << 20, 2 << 20, 58),
            "Copying blob 0123456789ab [=======>------] 1.0MiB / 2.0MiB");
  EXPECT_EQ(BarRow("b", 0, 2 << 20, 200),
            "b [----------------------------------------] 0B / 2.0MiB");
  EXPECT_EQ(BarRow("b", 2 << 20, 2 << 20, 200),
            "b [========================================] 2.0MiB / 2.0MiB");
}

TEST(BarRow, NarrowTerminalLosesBarThenSizesThenTheEnd) {
  EXPECT_EQ(BarRow("Copying blob 0123456789ab", 1 << 20, 2 << 20, 44),
            "Copying blob 0123456789ab 1.0MiB / 2.0MiB");
  EXPECT_EQ(BarRow("Copying blob 0123456789ab", 1 << 20, 2 << 20, 40),
            "Copying blob 0123456789ab 50%");
  EXPECT_EQ(BarRow("Copying blob 0123456789ab", 1 << 20, 2 << 20, 10), "Copying bl");
}

TEST(BarRow, NumbersWithoutSenseStayInTheBar) {
  EXPECT_EQ(BarRow("b", 9, 3, 24), "b [============] 9B / 3B");
  EXPECT_EQ(BarRow("b", -1, 0, 24), "b [-----------] -1B / 0B");
}

TEST(ProgressBars, BlobHasARowUntilItIsDone) {
  ProgressBars bars({});
  EXPECT_THAT(Apply(bars, "image_started { number: 1 total: 1 }"),
              ElementsAre("Getting image source signatures"));
  EXPECT_THAT(Apply(bars, Start(kBlob)), IsEmpty());
  EXPECT_THAT(Apply(bars, std::string("blob_progress { digest: '") + kBlob +
                              "' done_bytes: 1048576 size_bytes: 2097152 }"),
              IsEmpty());
  EXPECT_THAT(bars.Rows(44, 10), ElementsAre("Copying blob 0123456789ab 1.0MiB / 2.0MiB"));
  EXPECT_THAT(Apply(bars, std::string("blob_finished { digest: '") + kBlob +
                              "' outcome: BLOB_OUTCOME_COPIED }"),
              ElementsAre("Copying blob 0123456789ab done"));
  EXPECT_THAT(bars.Rows(44, 10), IsEmpty());
  EXPECT_THAT(Apply(bars, "manifest_started { }"),
              ElementsAre("Writing manifest to image destination", "Storing signatures"));
}

TEST(ProgressBars, ReusedBlobsSayWhy) {
  ProgressBars bars({});
  EXPECT_THAT(Apply(bars,
                    "blob_finished { digest: 'sha256:aa' kind: BLOB_KIND_CONFIG"
                    " outcome: BLOB_OUTCOME_ALREADY_PRESENT }"),
              ElementsAre("Copying config aa skipped: already exists"));
  EXPECT_THAT(Apply(bars, "blob_finished { digest: 'sha256:bb' outcome: BLOB_OUTCOME_MOUNTED }"),
              ElementsAre("Copying blob bb skipped: mounted from another repository"));
}

TEST(ProgressBars, RowsThatDoNotFitAreCounted) {
  ProgressBars bars({});
  for (const char* digest : {"sha256:a", "sha256:b", "sha256:c", "sha256:c"}) {
    Apply(bars, Start(digest));
  }
  EXPECT_THAT(bars.Rows(20, 3),
              ElementsAre("Copying blob a 0%", "Copying blob b 0%", "Copying blob c 0%"));
  EXPECT_THAT(bars.Rows(20, 2), ElementsAre("Copying blob a 0%", "and 2 more"));
}

}  // namespace
}  // namespace holkas
