#include "worker/jobs/copy_plan.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/media_types.h"
#include "worker/jobs/copy_fakes.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PlanCopyTest : public testing::Test {
 protected:
  PlanCopyTest() {
    platform_.set_os("linux");
    platform_.set_architecture("amd64");
  }

  absl::StatusOr<CopyPlan> Plan() { return PlanCopy(from_, to_, options_, platform_); }

  // An image as Docker makes them, with a configuration that OCI converts.
  Descriptor AddDockerImage(const std::string& layer) {
    const std::string config = absl::StrCat(
        R"({"architecture":"amd64","os":"linux","container":"0123","rootfs":{"type":"layers",)",
        R"("diff_ids":[")", Digest::Sha256Of(layer).ToString(), R"("]}})");
    const std::string json =
        absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kDockerManifestType, R"(","config":)",
                     DescriptorJson(from_.AddBlob(kDockerConfigType, config)), R"(,"layers":[)",
                     DescriptorJson(from_.AddBlob(kDockerLayerGzipType, layer)), "]}");
    return from_.AddManifest(kDockerManifestType, json);
  }

  void RefuseDockerTypes() {
    to_.refused_types = {std::string(kDockerManifestType), std::string(kDockerListType)};
  }

  FakeSource from_;
  FakeDestination to_;
  v1::CopyRequest options_;
  v1::Platform platform_;
};

TEST_F(PlanCopyTest, ImageKeepsItsBytesWhereTheDestinationTakesThem) {
  const Descriptor image = AddDockerImage("layer");
  from_.SetTop(image);
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  EXPECT_EQ(plan.top().digest(), image.digest);
  EXPECT_EQ(plan.listed_images, 0);
  ASSERT_EQ(plan.images.size(), 1u);
  ASSERT_EQ(plan.images[0].blobs.size(), 2u);
  EXPECT_EQ(plan.images[0].blobs[0].kind, v1::BLOB_KIND_LAYER);
  EXPECT_EQ(plan.images[0].blobs[1].kind, v1::BLOB_KIND_CONFIG);
}

TEST_F(PlanCopyTest, DockerImageBecomesOciWhereTheDestinationTakesNothingElse) {
  const Descriptor image = AddDockerImage("layer");
  from_.SetTop(image);
  RefuseDockerTypes();
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  EXPECT_EQ(plan.top().media_type(), kOciManifestType);
  EXPECT_EQ(plan.images[0].source_digest, image.digest);
  const PlannedBlob& config = plan.images[0].blobs.back();
  ASSERT_TRUE(config.content.has_value());
  EXPECT_NE(config.source_digest, config.descriptor.digest);
  EXPECT_EQ(config.descriptor.digest, Digest::Sha256Of(*config.content));
  EXPECT_EQ(plan.top().image().config.digest, config.descriptor.digest);
  EXPECT_EQ(plan.top().image().layers[0].digest, Digest::Sha256Of("layer"));
  EXPECT_EQ(plan.top().image().layers[0].media_type, kOciLayerGzipType);
}

TEST_F(PlanCopyTest, OciIsAlsoMadeWhereItIsAskedFor) {
  from_.SetTop(AddDockerImage("layer"));
  options_.set_format(v1::MANIFEST_FORMAT_OCI);
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  EXPECT_EQ(plan.top().media_type(), kOciManifestType);
}

TEST_F(PlanCopyTest, DockerListBecomesAnIndexOfTheConvertedImages) {
  const Descriptor image = AddDockerImage("layer");
  from_.SetTop(from_.AddManifest(
      kDockerListType,
      absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kDockerListType, R"(","manifests":[)",
                   DescriptorJson(image, R"(,"platform":{"os":"linux","architecture":"amd64"})"),
                   "]}")));
  RefuseDockerTypes();
  options_.set_multi_arch(v1::MULTI_ARCH_ALL);
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  EXPECT_EQ(plan.top().media_type(), kOciIndexType);
  ASSERT_EQ(plan.top().index().manifests.size(), 1u);
  const ImageIndex::Entry& entry = plan.top().index().manifests[0];
  EXPECT_EQ(entry.descriptor.digest, plan.images[0].manifest.digest());
  EXPECT_EQ(entry.descriptor.media_type, kOciManifestType);
  ASSERT_TRUE(entry.platform.has_value());
  EXPECT_EQ(entry.platform->architecture, "amd64");
}

TEST_F(PlanCopyTest, PreservedDigestsForbidConversion) {
  from_.SetTop(AddDockerImage("layer"));
  RefuseDockerTypes();
  options_.set_preserve_digests(true);
  const absl::Status status = Plan().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("its digest is to be preserved")));
  EXPECT_EQ(ErrorReason(status), "DESTINATION_CONFLICT");
}

TEST_F(PlanCopyTest, ListOfPlatformsIsUnimplemented) {
  from_.SetTop(AddDockerImage("layer"));
  options_.set_multi_arch(v1::MULTI_ARCH_PLATFORMS);
  const absl::Status status = Plan().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_EQ(ErrorReason(status), "OPTION_UNIMPLEMENTED");
  EXPECT_THAT(ErrorMetadata(status), ElementsAre(testing::Pair("field", "multi_arch")));
}

TEST_F(PlanCopyTest, Schema2IsMadeWhereItIsAskedFor) {
  const Descriptor image = from_.AddImage({"layer"}, R"({"architecture":"amd64","os":"linux"})");
  from_.SetTop(image);
  options_.set_format(v1::MANIFEST_FORMAT_DOCKER_V2S2);
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  EXPECT_EQ(plan.top().media_type(), kDockerManifestType);
  EXPECT_EQ(plan.images[0].source_digest, image.digest);
  EXPECT_EQ(plan.images[0].blobs[0].descriptor.digest, Digest::Sha256Of("layer"));
}

TEST_F(PlanCopyTest, Schema1IsUnimplemented) {
  from_.SetTop(from_.AddImage({"layer"}, "{}"));
  options_.set_format(v1::MANIFEST_FORMAT_DOCKER_V2S1);
  EXPECT_EQ(ErrorReason(Plan().status()), "OPTION_UNIMPLEMENTED");
}

TEST_F(PlanCopyTest, MissingPlatformIsNotFound) {
  const Descriptor image = from_.AddImage({"layer"}, "{}");
  from_.SetTop(from_.AddManifest(kOciIndexType, OciIndexJson({image}, {"linux/s390x"})));
  const absl::Status status = Plan().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(ErrorReason(status), "PLATFORM_NOT_FOUND");
}

TEST_F(PlanCopyTest, ImageOfAnotherSizeThanItsIndexSaysIsDataLoss) {
  Descriptor image = from_.AddImage({"layer"}, "{}");
  image.size_bytes += 1;
  from_.SetTop(from_.AddManifest(kOciIndexType, OciIndexJson({image}, {"linux/amd64"})));
  EXPECT_THAT(Plan().status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(image.digest.ToString())));
}

TEST_F(PlanCopyTest, ImageOfAnotherTypeThanItsIndexSaysIsInvalid) {
  Descriptor image = from_.AddImage({"layer"}, "{}");
  image.media_type = std::string(kDockerManifestType);
  from_.SetTop(from_.AddManifest(kOciIndexType, OciIndexJson({image}, {"linux/amd64"})));
  const absl::Status status = Plan().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST");
}

TEST_F(PlanCopyTest, BlobWithTwoSizesIsInvalid) {
  Descriptor layer = from_.AddBlob(kOciLayerGzipType, "layer");
  Descriptor again = layer;
  again.size_bytes += 1;
  from_.SetTop(from_.AddManifest(
      kOciManifestType, OciManifestJson(from_.AddBlob(kOciConfigType, "{}"), {layer, again})));
  EXPECT_THAT(Plan().status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("two sizes, 5 and 6")));
}

TEST_F(PlanCopyTest, ForeignLayersAreLeftWhereTheyAreWithAWarning) {
  Descriptor foreign = DescriptorOf(kOciNondistributableLayerGzipType, "windows");
  foreign.urls = {"https://example.com/windows"};
  // With an ordinary type the registry keeps the layer, whatever urls say.
  Descriptor ordinary = from_.AddBlob(kOciLayerGzipType, "linux");
  ordinary.urls = {"https://example.com/linux"};
  from_.SetTop(from_.AddManifest(
      kOciManifestType, OciManifestJson(from_.AddBlob(kOciConfigType, "{}"), {foreign, ordinary})));
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  ASSERT_EQ(plan.images[0].blobs.size(), 2u);
  EXPECT_EQ(plan.images[0].blobs[0].descriptor.digest, ordinary.digest);
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("https://example.com/windows")));
}

TEST_F(PlanCopyTest, OneIndexIsReadInFrontOfAnImage) {
  const Descriptor image = from_.AddImage({"layer"}, "{}");
  const Descriptor index = from_.AddManifest(kOciIndexType, OciIndexJson({image}, {"linux/amd64"}));
  const Descriptor outer = from_.AddManifest(kOciIndexType, OciIndexJson({index}, {"linux/amd64"}));
  for (const v1::MultiArch images : {v1::MULTI_ARCH_UNSPECIFIED, v1::MULTI_ARCH_ALL}) {
    options_.set_multi_arch(images);
    from_.SetTop(index);
    EXPECT_OK(Plan().status());
    from_.SetTop(outer);
    EXPECT_EQ(ErrorReason(Plan().status()), "MEDIA_TYPE_UNSUPPORTED");
  }
}

TEST_F(PlanCopyTest, ManifestsOfAnIndexAreBoundTogether) {
  const auto plan = [this](int64_t total_bytes) {
    // All but the last are as long as they may be; each is filled up with blanks.
    std::vector<Descriptor> images;
    const std::vector<std::string> platforms(4, "linux/amd64");
    const auto add = [&](int64_t bytes) {
      const Descriptor config =
          from_.AddBlob(kOciConfigType, absl::StrCat("{\"n\":", images.size(), "}"));
      std::string json = OciManifestJson(config, {});
      json.append(static_cast<size_t>(bytes) - json.size(), ' ');
      images.push_back(from_.AddManifest(kOciManifestType, json));
    };
    for (int i = 0; i < 3; ++i) {
      add(kMaxManifestBytes);
    }
    add(1'000'000);
    const auto index_bytes = static_cast<int64_t>(OciIndexJson(images, platforms).size());
    images.pop_back();
    add(total_bytes - 3 * kMaxManifestBytes - index_bytes);
    from_.SetTop(from_.AddManifest(kOciIndexType, OciIndexJson(images, platforms)));
    return Plan().status();
  };
  options_.set_multi_arch(v1::MULTI_ARCH_ALL);
  EXPECT_OK(plan(kMaxPlannedManifestBytes));
  const absl::Status status = plan(kMaxPlannedManifestBytes + 1);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("more than 16777216 bytes in all")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST_F(PlanCopyTest, BlobsOfAnIndexAreBoundTogether) {
  const auto plan = [this](size_t count) {
    std::vector<Descriptor> images;
    const Descriptor config = from_.AddBlob(kOciConfigType, "{}");
    size_t blobs = 1;
    while (blobs < count) {
      std::vector<Descriptor> layers;
      for (; blobs < count && layers.size() < kMaxLayers; ++blobs) {
        layers.push_back(DescriptorOf(kOciLayerGzipType, absl::StrCat(blobs)));
      }
      images.push_back(from_.AddManifest(kOciManifestType, OciManifestJson(config, layers)));
    }
    from_.SetTop(from_.AddManifest(
        kOciIndexType,
        OciIndexJson(images, std::vector<std::string>(images.size(), "linux/amd64"))));
    return Plan().status();
  };
  options_.set_multi_arch(v1::MULTI_ARCH_ALL);
  EXPECT_OK(plan(kMaxPlannedBlobs));
  const absl::Status status = plan(kMaxPlannedBlobs + 1);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("more than 50000 blobs in all")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST_F(PlanCopyTest, ConfigurationIsConvertedUpToItsBound) {
  const auto plan = [this](int64_t config_bytes) {
    std::string config =
        R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}})";
    config.append(static_cast<size_t>(config_bytes) - config.size(), ' ');
    from_.SetTop(from_.AddManifest(
        kDockerManifestType,
        absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kDockerManifestType, R"(","config":)",
                     DescriptorJson(from_.AddBlob(kDockerConfigType, config)),
                     R"(,"layers":[]})")));
    return Plan().status();
  };
  RefuseDockerTypes();
  EXPECT_OK(plan(kMaxConfigBytes));
  const absl::Status status = plan(kMaxConfigBytes + 1);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("4194305 bytes, the limit is 4194304")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace holkas
