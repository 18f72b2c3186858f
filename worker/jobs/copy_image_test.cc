#include "worker/jobs/copy_image.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/media_types.h"
#include "worker/jobs/copy_fakes.h"
#include "worker/jobs/thread_pool.h"

namespace holkas {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// One word and its first argument for each event.
std::vector<std::string> Told(const EventBroker& broker) {
  std::vector<std::string> told;
  for (const v1::CopyResponse& event : broker.events()) {
    if (event.has_image_started()) {
      const v1::ImageStarted& image = event.image_started();
      told.push_back(absl::StrCat("image ", image.number(), "/", image.total(), " of ",
                                  image.listed(), " ", image.digest()));
    } else if (event.has_blob_started()) {
      told.push_back(absl::StrCat("start ", event.blob_started().digest()));
    } else if (event.has_blob_finished()) {
      told.push_back(absl::StrCat("finish ", event.blob_finished().digest()));
    } else if (event.has_manifest_started()) {
      told.push_back(absl::StrCat(event.manifest_started().is_index() ? "index " : "manifest ",
                                  event.manifest_started().digest()));
    } else if (event.has_result()) {
      told.push_back(absl::StrCat("result ", event.result().manifest_digest()));
    }
  }
  return told;
}

std::string D(absl::string_view content) { return Digest::Sha256Of(content).ToString(); }

class CopyImageTest : public testing::Test {
 protected:
  CopyImageTest() {
    platform_.set_os("linux");
    platform_.set_architecture("amd64");
    options_.set_max_parallel_blobs(1);
    options_.set_omit_progress(true);
  }

  // An index of two images that share a layer.
  void MakeIndex() {
    amd64_ = from_.AddImage({"shared", "amd64 layer"}, "{\"architecture\":\"amd64\"}");
    arm64_ = from_.AddImage({"shared", "arm64 layer"}, "{\"architecture\":\"arm64\"}");
    index_ = from_.AddManifest(kOciIndexType,
                               OciIndexJson({*amd64_, *arm64_}, {"linux/amd64", "linux/arm64"}));
    from_.SetTop(*index_);
  }

  absl::Status Copy() {
    ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPool> pool, NewThreadPool(4));
    return CopyImage(from_, to_, options_, platform_, broker_, *pool);
  }

  FakeSource from_;
  FakeDestination to_;
  EventBroker broker_;
  v1::CopyRequest options_;
  v1::Platform platform_;
  std::optional<Descriptor> amd64_, arm64_, index_;
};

TEST_F(CopyImageTest, LayersThenConfigurationThenManifestThenName) {
  const Descriptor image = from_.AddImage({"layer one", "layer two"}, "{}");
  from_.SetTop(image);
  ASSERT_OK(Copy());
  const std::string digest = image.digest.ToString();
  EXPECT_THAT(to_.log(), ElementsAre("blob " + D("layer one"), "blob " + D("layer two"),
                                     "blob " + D("{}"), "top " + digest, "publish " + digest));
  EXPECT_THAT(
      Told(broker_),
      ElementsAre("image 1/1 of 0 " + digest, "start " + D("layer one"), "finish " + D("layer one"),
                  "start " + D("layer two"), "finish " + D("layer two"), "start " + D("{}"),
                  "finish " + D("{}"), "manifest " + digest, "result " + digest));
  EXPECT_EQ(broker_.result().copied_bytes(), 20);
  EXPECT_EQ(broker_.result().copied_blobs(), 3);
}

TEST_F(CopyImageTest, BlobsThatComeInAStreamMoveInItsOrderOneAtATime) {
  from_.SetTop(from_.AddImage({"1", "2", "3", "4"}, "{}"));
  for (const char* layer : {"3", "1", "4", "2"}) {
    from_.order.push_back(Digest::Sha256Of(layer));
  }
  options_.set_max_parallel_blobs(4);
  ASSERT_OK(Copy());
  std::vector<Digest> expected = from_.order;
  expected.push_back(Digest::Sha256Of("{}"));
  EXPECT_EQ(from_.opened(), expected);
  EXPECT_EQ(to_.most_open(), 1);
}

TEST_F(CopyImageTest, DestinationThatTakesOneBlobAtATimeGetsOne) {
  const Descriptor image = from_.AddImage({"1", "2"}, "{}");
  from_.SetTop(image);
  to_.in_turn = true;
  options_.set_max_parallel_blobs(4);
  ASSERT_OK(Copy());
  const std::string digest = image.digest.ToString();
  EXPECT_THAT(Told(broker_),
              ElementsAre("image 1/1 of 0 " + digest, "start " + D("1"), "finish " + D("1"),
                          "start " + D("2"), "finish " + D("2"), "start " + D("{}"),
                          "finish " + D("{}"), "manifest " + digest, "result " + digest));
}

TEST_F(CopyImageTest, LayerThatIsListedTwiceMovesOnce) {
  from_.SetTop(from_.AddImage({"empty", "full", "empty"}, "{}"));
  ASSERT_OK(Copy());
  EXPECT_EQ(from_.opened().size(), 3u);
  EXPECT_EQ(broker_.result().copied_blobs(), 3);
}

TEST_F(CopyImageTest, AllWritesChildrenBeforeTheIndexAndSharedBlobsOnce) {
  MakeIndex();
  options_.set_multi_arch(v1::MULTI_ARCH_ALL);
  ASSERT_OK(Copy());
  EXPECT_THAT(
      to_.log(),
      ElementsAre("blob " + D("shared"), "blob " + D("amd64 layer"),
                  "blob " + D("{\"architecture\":\"amd64\"}"), "blob " + D("arm64 layer"),
                  "blob " + D("{\"architecture\":\"arm64\"}"),
                  "manifest " + amd64_->digest.ToString(), "manifest " + arm64_->digest.ToString(),
                  "top " + index_->digest.ToString(), "publish " + index_->digest.ToString()));
  EXPECT_THAT(Told(broker_), Contains("image 1/2 of 2 " + amd64_->digest.ToString()));
  EXPECT_THAT(Told(broker_), Contains("image 2/2 of 2 " + arm64_->digest.ToString()));
  EXPECT_THAT(Told(broker_), Contains("index " + index_->digest.ToString()));
}

TEST_F(CopyImageTest, SystemCopiesTheImageOfThePlatformAlone) {
  MakeIndex();
  platform_.set_architecture("arm64");
  ASSERT_OK(Copy());
  EXPECT_THAT(to_.log(), Contains("publish " + arm64_->digest.ToString()));
  EXPECT_THAT(to_.log(), Not(Contains("blob " + D("amd64 layer"))));
  EXPECT_THAT(Told(broker_), Contains("image 1/1 of 2 " + arm64_->digest.ToString()));
  EXPECT_EQ(broker_.result().manifest_digest(), arm64_->digest.ToString());
  EXPECT_EQ(to_.source_top()->digest(), index_->digest);
}

TEST_F(CopyImageTest, IndexOnlyMovesNoBlob) {
  MakeIndex();
  options_.set_multi_arch(v1::MULTI_ARCH_INDEX_ONLY);
  ASSERT_OK(Copy());
  EXPECT_THAT(to_.log(), ElementsAre("top " + index_->digest.ToString(),
                                     "publish " + index_->digest.ToString()));
}

TEST_F(CopyImageTest, FailureInTheMiddlePublishesNothing) {
  MakeIndex();
  options_.set_multi_arch(v1::MULTI_ARCH_ALL);
  from_.Replace(Digest::Sha256Of("arm64 layer"), "not that layer");
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(D("arm64 layer"))));
  EXPECT_THAT(to_.log(), Not(Contains(StartsWith("manifest"))));
  EXPECT_THAT(to_.log(), Not(Contains(StartsWith("top"))));
  EXPECT_THAT(to_.log(), Not(Contains(StartsWith("publish"))));
  EXPECT_FALSE(broker_.events().back().has_result());
}

TEST_F(CopyImageTest, CallerLostBeforeTheNameMovesLeavesTheName) {
  from_.SetTop(from_.AddImage({"layer"}, "{}"));
  broker_.on_event = [](const v1::CopyResponse& event) {
    return event.has_manifest_started() ? absl::UnavailableError("gone") : absl::OkStatus();
  };
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(to_.log(), Not(Contains(StartsWith("publish"))));
}

TEST_F(CopyImageTest, ManyBlobsOnManyThreadsAllArrive) {
  std::vector<std::string> layers;
  for (int i = 0; i < 200; ++i) {
    layers.push_back(absl::StrCat("layer ", i));
  }
  from_.SetTop(from_.AddImage(layers, "{}"));
  options_.set_max_parallel_blobs(16);
  ASSERT_OK(Copy());
  EXPECT_EQ(to_.blobs().size(), 201u);
  EXPECT_LE(to_.most_open(), 4);  // the pool's threads
  EXPECT_EQ(broker_.result().copied_blobs(), 201);
}

class RefusedTypesTest : public CopyImageTest {
 protected:
  RefusedTypesTest() {
    from_.SetTop(
        from_.AddImage({"layer"}, R"({"architecture":"amd64","history":[{"empty_layer":false}]})"));
    to_.on_publish = [this](const Manifest& top) {
      tried_.push_back(top.media_type());
      return refused_.count(top.media_type()) == 0 ? absl::OkStatus() : Refusal();
    };
  }

  absl::Status Refusal() const {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST", "manifest invalid",
                     {{"registry_code", code_}});
  }

  std::string code_ = "MANIFEST_INVALID";
  std::set<std::string> refused_ = {std::string(kOciManifestType)};
  std::vector<std::string> tried_;
};

TEST_F(RefusedTypesTest, TheNextTypeIsTried) {
  ASSERT_OK(Copy());
  EXPECT_THAT(tried_, ElementsAre(kOciManifestType, kDockerManifestType));
  EXPECT_EQ(broker_.result().media_type(), kDockerManifestType);
  refused_.insert(std::string(kDockerManifestType));
  tried_.clear();
  ASSERT_OK(Copy());
  EXPECT_THAT(tried_, ElementsAre(kOciManifestType, kDockerManifestType, kDockerSchema1SignedType));
  EXPECT_EQ(broker_.result().media_type(), kDockerSchema1SignedType);
}

TEST_F(RefusedTypesTest, WhereAllAreRefusedTheErrorTellsEach) {
  refused_ = {std::string(kOciManifestType), std::string(kDockerManifestType),
              std::string(kDockerSchema1SignedType)};
  const absl::Status status = Copy();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       absl::StrCat("Uploading manifest failed, attempted the following formats: ",
                                    kOciManifestType, "(manifest invalid), ", kDockerManifestType,
                                    "(manifest invalid), ", kDockerSchema1SignedType,
                                    "(manifest invalid)")));
  EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST");
}

TEST_F(RefusedTypesTest, WhatMayNotChangeIsNotTriedAgain) {
  options_.set_preserve_digests(true);
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kFailedPrecondition, "manifest invalid"));
  EXPECT_THAT(tried_, ElementsAre(kOciManifestType));
}

TEST_F(RefusedTypesTest, OtherRefusalsAreFinal) {
  code_ = "DENIED";
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kFailedPrecondition, "manifest invalid"));
  EXPECT_THAT(tried_, ElementsAre(kOciManifestType));
  code_ = "MANIFEST_INVALID";
  options_.set_format(v1::MANIFEST_FORMAT_OCI);
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kFailedPrecondition, "manifest invalid"));
}

}  // namespace
}  // namespace holkas
