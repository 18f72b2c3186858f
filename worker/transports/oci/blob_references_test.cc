#include "worker/transports/oci/blob_references.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/broker/fake_broker.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class BlobReferencesTest : public testing::Test {
 protected:
  BlobReferencesTest()
      : path_(absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name())),
        broker_({FakeBroker::Kind::kNone, ""}, {FakeBroker::Kind::kOci, path_}) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_ + "/blobs/sha256");
  }

  void Write(const std::string& content) {
    std::ofstream(PathOf(Digest::Sha256Of(content))) << content;
  }
  std::string PathOf(const Digest& digest) const {
    return absl::StrCat(path_, "/blobs/sha256/", digest.hex());
  }
  static Descriptor DescriptorOf(const std::string& content, absl::string_view type) {
    return {
        std::string(type), Digest::Sha256Of(content), static_cast<int64_t>(content.size()), {}, {}};
  }
  static std::string Json(const Descriptor& descriptor) {
    return absl::StrCat(R"({"mediaType":")", descriptor.media_type, R"(","digest":")",
                        descriptor.digest.ToString(), R"(","size":)", descriptor.size_bytes, "}");
  }
  static std::string JsonList(const std::vector<Descriptor>& descriptors) {
    return absl::StrJoin(descriptors, ",", [](std::string* out, const Descriptor& descriptor) {
      out->append(Json(descriptor));
    });
  }

  // The text of an image with the layers, and the configuration `{}`.
  static std::string ImageText(const std::vector<std::string>& layers) {
    std::vector<Descriptor> descriptors;
    for (const std::string& layer : layers) {
      descriptors.push_back(DescriptorOf(layer, kOciLayerGzipType));
    }
    return absl::StrCat(R"({"schemaVersion":2,"config":)", Json(DescriptorOf("{}", kOciConfigType)),
                        R"(,"layers":[)", JsonList(descriptors), "]}");
  }
  Descriptor Image(const std::vector<std::string>& layers) {
    Write(ImageText(layers));
    return DescriptorOf(ImageText(layers), kOciManifestType);
  }
  Descriptor Index(const std::vector<Descriptor>& images) {
    const std::string text =
        absl::StrCat(R"({"schemaVersion":2,"manifests":[)", JsonList(images), "]}");
    Write(text);
    return DescriptorOf(text, kOciIndexType);
  }

  // What only `removed` needs.
  absl::StatusOr<std::vector<Digest>> OnlyOf(const std::vector<Descriptor>& removed,
                                             const std::vector<Descriptor>& kept) {
    std::vector<Descriptor> all = removed;
    all.insert(all.end(), kept.begin(), kept.end());
    if (absl::Status read = references_.Read(all); !read.ok()) {
      return read;
    }
    return references_.OnlyOf(removed, kept);
  }

  const std::string path_;
  FakeBroker broker_;
  BlobReferences references_{broker_};
};

TEST_F(BlobReferencesTest, SharedLayersAndConfigurationsAreOfBoth) {
  const Descriptor one = Image({"base", "1"});
  const Descriptor two = Image({"base", "2"});
  EXPECT_THAT(OnlyOf({one}, {two}),
              IsOkAndHolds(UnorderedElementsAre(one.digest, Digest::Sha256Of("1"))));
  EXPECT_THAT(OnlyOf({one}, {}),
              IsOkAndHolds(UnorderedElementsAre(one.digest, Digest::Sha256Of("1"),
                                                Digest::Sha256Of("base"), Digest::Sha256Of("{}"))));
}

TEST_F(BlobReferencesTest, TheSameImageUnderAnotherNameKeepsAll) {
  const Descriptor image = Image({"layer"});
  EXPECT_THAT(OnlyOf({image}, {image}), IsOkAndHolds(testing::IsEmpty()));
}

TEST_F(BlobReferencesTest, IndexesAreFollowedToTheLast) {
  const Descriptor amd = Image({"base", "amd"});
  const Descriptor arm = Image({"base", "arm"});
  const Descriptor inner = Index({amd});
  const Descriptor outer = Index({inner, arm});
  EXPECT_THAT(OnlyOf({outer}, {arm}),
              IsOkAndHolds(UnorderedElementsAre(outer.digest, inner.digest, amd.digest,
                                                Digest::Sha256Of("amd"))));
  EXPECT_THAT(OnlyOf({amd}, {outer}), IsOkAndHolds(testing::IsEmpty()));
  // As if the list had been written between.
  EXPECT_THAT(references_.OnlyOf({outer}, {inner}),
              UnorderedElementsAre(outer.digest, arm.digest, Digest::Sha256Of("arm")));
}

TEST_F(BlobReferencesTest, ManifestIsReadOnce) {
  const Descriptor one = Image({"1"});
  const Descriptor index = Index({one});
  EXPECT_OK(OnlyOf({one}, {index, one, index}).status());
  EXPECT_OK(OnlyOf({one}, {index}).status());
  EXPECT_EQ(broker_.calls("OpenFile"), 2);
}

TEST_F(BlobReferencesTest, ImageThatIsNotThereIsLookedForAgain) {
  const Descriptor one = DescriptorOf(ImageText({"1"}), kOciManifestType);
  const Descriptor two = Image({"1", "2"});
  const Descriptor sparse = Index({one, two});
  EXPECT_THAT(OnlyOf({two}, {one}),
              IsOkAndHolds(UnorderedElementsAre(two.digest, Digest::Sha256Of("1"),
                                                Digest::Sha256Of("2"), Digest::Sha256Of("{}"))));
  EXPECT_THAT(OnlyOf({sparse}, {two}),
              IsOkAndHolds(UnorderedElementsAre(sparse.digest, one.digest)));
  Image({"1"});
  EXPECT_THAT(OnlyOf({two}, {one}),
              IsOkAndHolds(UnorderedElementsAre(two.digest, Digest::Sha256Of("2"))));
}

TEST_F(BlobReferencesTest, DockersManifestsAreReadToo) {
  const std::string text =
      absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kDockerManifestType, R"(","config":)",
                   Json(DescriptorOf("{}", kDockerConfigType)), R"(,"layers":[)",
                   Json(DescriptorOf("1", kDockerLayerGzipType)), "]}");
  Write(text);
  const Descriptor docker = DescriptorOf(text, kDockerManifestType);
  EXPECT_THAT(OnlyOf({Image({"1"})}, {docker}),
              IsOkAndHolds(UnorderedElementsAre(Digest::Sha256Of(ImageText({"1"})))));
}

TEST_F(BlobReferencesTest, WhatIsNoImageIsUnsupported) {
  const Descriptor unknown = DescriptorOf("x", "application/x");
  for (const Descriptor& image : {unknown, Index({unknown})}) {
    const absl::Status status = OnlyOf({}, {image}).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                                 R"(unsupported mediaType in index: "application/x")"));
    EXPECT_EQ(ErrorReason(status), "MEDIA_TYPE_UNSUPPORTED");
  }
}

TEST_F(BlobReferencesTest, ManifestThatWasChangedOrIsNoneIsAnError) {
  const Descriptor image = Image({"1"});
  std::ofstream(PathOf(image.digest)) << ImageText({"2"});
  EXPECT_THAT(OnlyOf({}, {image}).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(image.digest.ToString())));
  Write("{}");
  EXPECT_THAT(OnlyOf({}, {DescriptorOf("{}", kOciManifestType)}).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace holkas
