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
#include "worker/image/empty_layer.h"
#include "worker/image/media_types.h"
#include "worker/image/schema1_manifest.h"
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
    to_.refused_types = {std::string(kDockerManifestType), std::string(kDockerListType),
                         std::string(kDockerSchema1Type), std::string(kDockerSchema1SignedType)};
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
                               HasSubstr("to be written to destination, but we cannot modify "
                                         "it: \"Instructed to preserve digests\"")));
  EXPECT_EQ(ErrorReason(status), "DESTINATION_CONFLICT");
}

TEST_F(PlanCopyTest, OfAListOfPlatformsTheIndexIsKept) {
  const Descriptor amd64 = from_.AddImage({"layer"}, R"({"architecture":"amd64"})");
  const Descriptor arm64 = from_.AddImage({"layer"}, R"({"architecture":"arm64"})");
  // It is not at the source at all.
  Descriptor missing = amd64;
  missing.digest = Digest::Sha256Of("missing");
  const Descriptor index = from_.AddManifest(
      kOciIndexType,
      OciIndexJson({missing, arm64, amd64}, {"linux/s390x", "linux/arm64", "linux/amd64"}));
  from_.SetTop(index);
  options_.set_multi_arch(v1::MULTI_ARCH_PLATFORMS);
  for (const char* architecture : {"amd64", "arm64"}) {
    v1::Platform* platform = options_.add_platforms();
    platform->set_os("linux");
    platform->set_architecture(architecture);
  }
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  EXPECT_EQ(plan.top().digest(), index.digest);
  EXPECT_EQ(plan.listed_images, 3);
  ASSERT_EQ(plan.images.size(), 2u);
  EXPECT_EQ(plan.images[0].source_digest, arm64.digest);
  EXPECT_EQ(plan.images[1].source_digest, amd64.digest);
  options_.mutable_platforms(0)->set_architecture("riscv64");
  EXPECT_EQ(ErrorReason(Plan().status()), "PLATFORM_NOT_FOUND");
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

constexpr char kHistoryConfig[] =
    R"({"architecture":"amd64","history":[{"created_by":"a"},{"empty_layer":true}]})";

TEST_F(PlanCopyTest, Schema1IsMadeWhereItIsAskedFor) {
  const Descriptor image = from_.AddImage({"layer"}, kHistoryConfig);
  from_.SetTop(image);
  to_.name = ImageDestination::EmbeddedName{"lib/app", "v1"};
  options_.set_format(v1::MANIFEST_FORMAT_DOCKER_V2S1);
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  EXPECT_EQ(plan.top().media_type(), kDockerSchema1SignedType);
  EXPECT_EQ(plan.top().schema1().name, "lib/app");
  EXPECT_EQ(plan.top().schema1().tag, "v1");
  EXPECT_EQ(plan.images[0].source_digest, image.digest);
  // No configuration, but the layer that stands for those that change nothing.
  ASSERT_EQ(plan.images[0].blobs.size(), 2u);
  EXPECT_EQ(plan.images[0].blobs[0].descriptor.digest, Digest::Sha256Of("layer"));
  EXPECT_FALSE(plan.images[0].blobs[0].changeable);
  EXPECT_EQ(plan.images[0].blobs[1].descriptor.digest.ToString(), kEmptyLayerDigest);
  EXPECT_EQ(plan.images[0].blobs[1].content, kEmptyLayer);
}

class PlanSchema1Test : public PlanCopyTest {
 protected:
  // An image of schema 1, unsigned, with the name `n` and the tag `t`.
  Descriptor AddSchema1Image() {
    Schema1Manifest image;
    image.name = "n";
    image.tag = "t";
    const std::string ids[] = {std::string(64, '1'), std::string(64, '2')};
    AddLayer(image, "base", absl::StrCat(R"({"id":")", ids[0], "\"}"));
    AddLayer(image, std::string(kEmptyLayer),
             absl::StrCat(R"({"id":")", ids[1], R"(","parent":")", ids[0],
                          R"(","throwaway":true,"os":"linux"})"));
    return from_.AddManifest(kDockerSchema1Type, image.ToJson());
  }

 private:
  void AddLayer(Schema1Manifest& image, const std::string& content, const std::string& json) {
    image.layers.emplace_back(from_.AddBlob("", content).digest).v1_compatibility = json;
  }
};

TEST_F(PlanSchema1Test, ImageKeepsItsBytesWhereItsNameIsRight) {
  const Descriptor image = AddSchema1Image();
  from_.SetTop(image);
  to_.name = ImageDestination::EmbeddedName{"n", "t"};
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  EXPECT_EQ(plan.top().digest(), image.digest);
  ASSERT_EQ(plan.images[0].blobs.size(), 2u);
  EXPECT_EQ(plan.images[0].blobs[0].descriptor.size_bytes, 4);
  EXPECT_EQ(plan.images[0].blobs[1].descriptor.size_bytes, 32);
}

TEST_F(PlanSchema1Test, ImageIsSignedAnewUnderAnotherName) {
  from_.SetTop(AddSchema1Image());
  to_.name = ImageDestination::EmbeddedName{"n", "u"};
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  EXPECT_EQ(plan.top().media_type(), kDockerSchema1SignedType);
  EXPECT_EQ(plan.top().schema1().tag, "u");
  options_.set_preserve_digests(true);
  const absl::Status status = Plan().status();
  EXPECT_THAT(
      status,
      StatusIs(absl::StatusCode::kFailedPrecondition,
               "Copying a schema1 image with an embedded Docker reference to n:u would "
               "change the manifest, which we cannot do: \"Instructed to preserve digests\""));
  EXPECT_EQ(ErrorReason(status), "DESTINATION_CONFLICT");
}

TEST_F(PlanSchema1Test, ImageIsConvertedWhereTheDestinationDoesNotTakeIt) {
  from_.SetTop(AddSchema1Image());
  RefuseDockerTypes();
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  EXPECT_EQ(plan.top().media_type(), kOciManifestType);
  // The empty layer is left behind.
  ASSERT_EQ(plan.images[0].blobs.size(), 2u);
  EXPECT_EQ(plan.images[0].blobs[0].descriptor.digest, Digest::Sha256Of("base"));
  EXPECT_EQ(plan.images[0].blobs[1].kind, v1::BLOB_KIND_CONFIG);
  EXPECT_THAT(*plan.images[0].blobs[1].content, HasSubstr(Digest::Sha256Of("base").ToString()));
}

TEST_F(PlanCopyTest, IndexAloneIsConvertedWithoutItsImages) {
  const Descriptor image = AddDockerImage("layer");
  from_.SetTop(from_.AddManifest(kOciIndexType, OciIndexJson({image}, {"linux/amd64"})));
  options_.set_multi_arch(v1::MULTI_ARCH_INDEX_ONLY);
  options_.set_format(v1::MANIFEST_FORMAT_DOCKER_V2S1);
  ASSERT_OK_AND_ASSIGN(const CopyPlan plan, Plan());
  EXPECT_EQ(plan.top().media_type(), kDockerListType);
  EXPECT_EQ(plan.top().index().manifests[0].descriptor.digest, image.digest);
  EXPECT_TRUE(plan.images.empty());
  options_.set_preserve_digests(true);
  EXPECT_THAT(Plan().status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       absl::StrCat("Manifest list must be converted to type \"", kDockerListType,
                                    "\" to be written to destination, but we cannot modify it: "
                                    "\"Instructed to preserve digests\"")));
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
