#include "worker/jobs/copy_blobs.h"

#include <barrier>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/manifest.h"
#include "worker/image/media_types.h"
#include "worker/jobs/copy_fakes.h"
#include "worker/jobs/thread_pool.h"

namespace holkas {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class CopyBlobsTest : public testing::Test {
 protected:
  // Plans one image of these layers, of which the last is the configuration.
  void PlanLayers(const std::vector<std::string>& contents) {
    const std::string json = OciManifestJson(DescriptorOf(kOciConfigType, "{}"), {});
    absl::StatusOr<Manifest> manifest =
        Manifest::Parse({json, Digest::Sha256Of(json), std::string(kOciManifestType)});
    ASSERT_OK(manifest);
    PlannedImage image{manifest->digest(), *std::move(manifest), {}};
    for (const std::string& content : contents) {
      const Descriptor blob = from_.AddBlob(kOciLayerGzipType, content);
      image.blobs.push_back({blob, blob.digest, v1::BLOB_KIND_LAYER, std::nullopt});
    }
    plan_.images.push_back(std::move(image));
  }

  absl::Status Copy(int parallel = 3) {
    ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPool> pool, NewThreadPool(parallel));
    ProgressReporter progress(broker_, /*omit_progress=*/true);
    return CopyBlobs(from_, to_, plan_, parallel, *pool, progress).status();
  }

  std::map<Digest, v1::BlobOutcome> Outcomes() const {
    std::map<Digest, v1::BlobOutcome> outcomes;
    for (const v1::CopyResponse& event : broker_.events()) {
      if (event.has_blob_finished()) {
        outcomes.emplace(*Digest::Parse(event.blob_finished().digest()),
                         event.blob_finished().outcome());
      }
    }
    return outcomes;
  }

  FakeSource from_;
  FakeDestination to_;
  EventBroker broker_;
  CopyPlan plan_;
};

TEST_F(CopyBlobsTest, BlobThatTheDestinationLostIsReadAgain) {
  PlanLayers({"layer"});
  to_.losses = 3;
  ASSERT_OK(Copy());
  EXPECT_THAT(to_.blobs(), ElementsAre(Pair(Digest::Sha256Of("layer"), "layer")));
  EXPECT_EQ(from_.opened().size(), 4u);
  EXPECT_EQ(to_.abandoned(), 0);
}

TEST_F(CopyBlobsTest, ReadingAgainIsBounded) {
  PlanLayers({"layer"});
  to_.losses = 4;
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("lost")));
  EXPECT_EQ(from_.opened().size(), 4u);
  EXPECT_THAT(to_.blobs(), IsEmpty());
}

TEST_F(CopyBlobsTest, OtherErrorsOfTheDestinationAreFinal) {
  PlanLayers({"layer"});
  to_.verifies = true;
  from_.on_read = [](const Digest&) { return absl::DataLossError("broken"); };
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(from_.opened().size(), 1u);
}

TEST_F(CopyBlobsTest, NothingIsFinishedWhenNobodyWaitsAnyMore) {
  PlanLayers({"first layer", "second layer"});
  from_.on_read = [this](const Digest&) {
    broker_.cancelled = true;
    absl::SleepFor(2 * kProgressTick);
    return absl::OkStatus();
  };
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kCancelled, HasSubstr("nobody waits")));
  EXPECT_THAT(to_.blobs(), IsEmpty());
}

TEST_F(CopyBlobsTest, BytesArriveUnchanged) {
  PlanLayers({"first layer", "second layer", ""});
  ASSERT_OK(Copy());
  EXPECT_THAT(to_.blobs(),
              UnorderedElementsAre(Pair(Digest::Sha256Of("first layer"), "first layer"),
                                   Pair(Digest::Sha256Of("second layer"), "second layer"),
                                   Pair(Digest::Sha256Of(""), "")));
  EXPECT_EQ(to_.abandoned(), 0);
}

TEST_F(CopyBlobsTest, MovesAsManyAtOnceAsAllowed) {
  PlanLayers({"a", "b", "c"});
  // No blob can be read before all three are open.
  std::barrier all_open(3);
  from_.on_open = [&](const Digest&) {
    all_open.arrive_and_wait();
    return absl::OkStatus();
  };
  EXPECT_OK(Copy(3));
}

TEST_F(CopyBlobsTest, MovesNoMoreAtOnceThanAllowed) {
  PlanLayers({"a", "b", "c", "d", "e", "f", "g", "h"});
  ASSERT_OK(Copy(2));
  EXPECT_LE(to_.most_open(), 2);
  EXPECT_EQ(to_.blobs().size(), 8u);
}

TEST_F(CopyBlobsTest, WhatIsThereOrCanBeMountedIsNotRead) {
  PlanLayers({"there", "mountable", "missing"});
  to_.present.insert(Digest::Sha256Of("there"));
  to_.mountable.insert(Digest::Sha256Of("mountable"));
  ASSERT_OK(Copy());
  EXPECT_THAT(from_.opened(), ElementsAre(Digest::Sha256Of("missing")));
  EXPECT_THAT(Outcomes(), UnorderedElementsAre(
                              Pair(Digest::Sha256Of("there"), v1::BLOB_OUTCOME_ALREADY_PRESENT),
                              Pair(Digest::Sha256Of("mountable"), v1::BLOB_OUTCOME_MOUNTED),
                              Pair(Digest::Sha256Of("missing"), v1::BLOB_OUTCOME_COPIED)));
}

TEST_F(CopyBlobsTest, ConvertedBlobIsWrittenFromMemory) {
  PlanLayers({});
  const Descriptor made = DescriptorOf(kOciConfigType, "{\"os\":\"linux\"}");
  const Digest source_digest = Digest::Sha256Of("the docker configuration");
  plan_.images[0].blobs.push_back(
      {made, source_digest, v1::BLOB_KIND_CONFIG, "{\"os\":\"linux\"}"});
  ASSERT_OK(Copy());
  EXPECT_THAT(from_.opened(), IsEmpty());
  EXPECT_THAT(to_.blobs(), ElementsAre(Pair(made.digest, "{\"os\":\"linux\"}")));
  EXPECT_THAT(Outcomes(), ElementsAre(Pair(source_digest, v1::BLOB_OUTCOME_COPIED)));
}

TEST_F(CopyBlobsTest, WrongBytesAreDataLossAndNeverFinished) {
  PlanLayers({"right", "other"});
  from_.Replace(Digest::Sha256Of("right"), "wrong");
  const absl::Status status = Copy(1);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr(Digest::Sha256Of("right").ToString())));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  EXPECT_THAT(to_.blobs(), Not(Contains(Pair(Digest::Sha256Of("right"), testing::_))));
  EXPECT_EQ(to_.abandoned(), 1);
}

TEST_F(CopyBlobsTest, SizeIsBoundAlsoWhereTheSinkVerifies) {
  PlanLayers({"right"});
  to_.verifies = true;
  from_.Replace(Digest::Sha256Of("right"), "right and then something more");
  EXPECT_THAT(Copy(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("got more than 5 bytes, want 5")));
}

TEST_F(CopyBlobsTest, VerifyingSinkFindsWrongBytes) {
  PlanLayers({"right"});
  to_.verifies = true;
  from_.Replace(Digest::Sha256Of("right"), "wrong");
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kDataLoss, "the file is wrong"));
}

TEST_F(CopyBlobsTest, FirstFailureStopsTheOthersAtTheirNextBuffer) {
  const std::string long_content(100'000, 'x');
  PlanLayers({long_content, "fails", "never begun"});
  absl::Notification long_one_runs;
  absl::Notification failed;
  from_.on_read = [&](const Digest& digest) {
    if (digest == Digest::Sha256Of("fails")) {
      long_one_runs.WaitForNotification();
      failed.Notify();
      return absl::UnavailableError("connection reset");
    }
    if (!long_one_runs.HasBeenNotified()) {
      long_one_runs.Notify();
      failed.WaitForNotification();
    }
    return absl::OkStatus();
  };
  EXPECT_THAT(Copy(2), StatusIs(absl::StatusCode::kUnavailable, "connection reset"));
  EXPECT_EQ(to_.abandoned(), 2);
  EXPECT_THAT(to_.blobs(), IsEmpty());
  EXPECT_THAT(from_.opened(), Not(Contains(Digest::Sha256Of("never begun"))));
}

TEST_F(CopyBlobsTest, MissingBlobIsNotFound) {
  PlanLayers({"there"});
  const Descriptor missing = DescriptorOf(kOciLayerGzipType, "missing");
  plan_.images[0].blobs.push_back({missing, missing.digest, v1::BLOB_KIND_LAYER, std::nullopt});
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("is not there")));
}

TEST_F(CopyBlobsTest, LostCallerStopsTheCopy) {
  PlanLayers({"a", "b", "c", "d"});
  broker_.on_event = [](const v1::CopyResponse& event) {
    return event.has_blob_finished() ? absl::UnavailableError("holkasd is gone") : absl::OkStatus();
  };
  EXPECT_THAT(Copy(1), StatusIs(absl::StatusCode::kUnavailable, "holkasd is gone"));
  EXPECT_THAT(from_.opened(), ElementsAre(Digest::Sha256Of("a")));
}

TEST_F(CopyBlobsTest, BlobsBeginInThePlansOrder) {
  PlanLayers({"a", "b", "c", "d"});
  ASSERT_OK(Copy(4));
  std::vector<std::string> started;
  for (const v1::CopyResponse& event : broker_.events()) {
    if (event.has_blob_started()) {
      started.push_back(event.blob_started().digest());
    }
  }
  EXPECT_THAT(started,
              ElementsAre(Digest::Sha256Of("a").ToString(), Digest::Sha256Of("b").ToString(),
                          Digest::Sha256Of("c").ToString(), Digest::Sha256Of("d").ToString()));
}

}  // namespace
}  // namespace holkas
