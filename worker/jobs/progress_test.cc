#include "worker/jobs/progress.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/manifest.h"
#include "worker/jobs/copy_fakes.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

class ProgressReporterTest : public testing::Test {
 protected:
  // The byte counts that were reported after `after` of the start.
  std::vector<int64_t> ReportAt(absl::Duration after) {
    const size_t before = broker_.events().size();
    EXPECT_OK(reporter_.Report({&blob_}, kStart + after));
    std::vector<int64_t> reported;
    const std::vector<v1::CopyResponse> events = broker_.events();
    for (size_t i = before; i < events.size(); ++i) {
      reported.push_back(events[i].blob_progress().done_bytes());
    }
    return reported;
  }

  EventBroker broker_;
  ProgressReporter reporter_{broker_, /*omit_progress=*/false};
  MovingBlob blob_{Digest::Sha256Of("a layer"), 1000, v1::BLOB_KIND_LAYER};
};

TEST_F(ProgressReporterTest, StartTellsDigestSizeAndKind) {
  ASSERT_OK(reporter_.BlobStarted(blob_, kStart));
  ASSERT_EQ(broker_.events().size(), 1u);
  const v1::BlobStarted event = broker_.events()[0].blob_started();
  EXPECT_EQ(event.digest(), Digest::Sha256Of("a layer").ToString());
  EXPECT_EQ(event.size_bytes(), 1000);
  EXPECT_EQ(event.kind(), v1::BLOB_KIND_LAYER);
}

TEST_F(ProgressReporterTest, FirstBytesAreReportedAtTheNextTick) {
  ASSERT_OK(reporter_.BlobStarted(blob_, kStart));
  EXPECT_THAT(ReportAt(kProgressTick), IsEmpty());
  blob_.done_bytes = 10;
  EXPECT_THAT(ReportAt(2 * kProgressTick), ElementsAre(10));
  EXPECT_LE(kProgressTick, absl::Milliseconds(100));
}

TEST_F(ProgressReporterTest, LaterBytesAreReportedAtIntervals) {
  ASSERT_OK(reporter_.BlobStarted(blob_, kStart));
  blob_.done_bytes = 10;
  EXPECT_THAT(ReportAt(absl::Milliseconds(1)), ElementsAre(10));
  blob_.done_bytes = 20;
  EXPECT_THAT(ReportAt(kProgressInterval / 2), IsEmpty());
  blob_.done_bytes = 30;
  EXPECT_THAT(ReportAt(kProgressInterval + absl::Milliseconds(1)), ElementsAre(30));
}

TEST_F(ProgressReporterTest, StalledBlobIsReportedAtLeastTwiceASecond) {
  ASSERT_OK(reporter_.BlobStarted(blob_, kStart));
  int reports = 0;
  for (absl::Duration at; at <= absl::Seconds(10); at += kProgressTick) {
    reports += static_cast<int>(ReportAt(at).size());
  }
  EXPECT_GE(reports, 20);
  EXPECT_LE(reports, 100);
}

TEST_F(ProgressReporterTest, NothingIsReportedWhereProgressIsOmitted) {
  ProgressReporter quiet(broker_, /*omit_progress=*/true);
  ASSERT_OK(quiet.BlobStarted(blob_, kStart));
  blob_.done_bytes = 10;
  ASSERT_OK(quiet.Report({&blob_}, kStart + absl::Seconds(5)));
  EXPECT_EQ(broker_.events().size(), 1u);
}

TEST_F(ProgressReporterTest, ResultAddsUpWhatFinished) {
  const MovingBlob other(Digest::Sha256Of("another"), 50, v1::BLOB_KIND_CONFIG);
  ASSERT_OK(reporter_.BlobFinished(blob_, {v1::BLOB_OUTCOME_COPIED}));
  ASSERT_OK(reporter_.BlobFinished(other, {v1::BLOB_OUTCOME_COPIED}));
  ASSERT_OK(reporter_.BlobFinished(other, {v1::BLOB_OUTCOME_MOUNTED}));
  ASSERT_OK(reporter_.BlobFinished(other, {v1::BLOB_OUTCOME_ALREADY_PRESENT}));
  const std::string json = OciManifestJson(DescriptorOf("application/x", "{}"), {});
  ASSERT_OK_AND_ASSIGN(const Manifest top, Manifest::Parse({json, Digest::Sha256Of(json), ""}));
  ASSERT_OK(reporter_.Finished(top, {"mind the gap"}, absl::Milliseconds(1500)));
  const v1::CopyResult result = broker_.result();
  EXPECT_EQ(result.manifest_digest(), Digest::Sha256Of(json).ToString());
  EXPECT_EQ(result.media_type(), "application/vnd.oci.image.manifest.v1+json");
  EXPECT_EQ(result.copied_bytes(), 1050);
  EXPECT_EQ(result.copied_blobs(), 2);
  EXPECT_EQ(result.reused_blobs(), 2);
  EXPECT_EQ(result.elapsed().seconds(), 1);
  EXPECT_EQ(result.elapsed().nanos(), 500'000'000);
  EXPECT_THAT(result.warnings(), ElementsAre("mind the gap"));
}

TEST_F(ProgressReporterTest, LostConnectionIsAnError) {
  broker_.on_event = [](const v1::CopyResponse&) { return absl::UnavailableError("gone"); };
  EXPECT_THAT(reporter_.BlobStarted(blob_, kStart), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace holkas
