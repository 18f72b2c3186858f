#include "worker/jobs/inspect.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/broker/fake_broker.h"
#include "worker/image/media_types.h"
#include "worker/jobs/copy_fakes.h"
#include "worker/jobs/job.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kConfig[] =
    R"({"architecture":"arm","variant":"v7","os":"linux","created":"2020-01-02T03:04:05.120+05:30",)"
    R"("docker_version":"20.1","x":1,"config":{"Env":["B=1","A=2"],"Labels":{"b":"1","a":"<>"}}})";

// An image source with tags.
class TaggedSource : public FakeSource {
 public:
  absl::StatusOr<std::vector<std::string>> ListTags(std::vector<std::string>& warnings) override {
    ++lists;
    warnings.insert(warnings.end(), tag_warnings.begin(), tag_warnings.end());
    return tags;
  }

  absl::StatusOr<std::vector<std::string>> tags = std::vector<std::string>{"b", "a"};
  std::vector<std::string> tag_warnings;
  int lists = 0;
};

class InspectTest : public testing::Test {
 protected:
  InspectTest() {
    job_.mutable_platform()->set_os("linux");
    job_.mutable_platform()->set_architecture("amd64");
    broker::RegistryImage& image = *job_.mutable_source()->mutable_registry();
    image.set_host("registry.test");
    image.set_port(5000);
    image.set_repository("some/app");
    image.set_display_name("registry.test:5000/some/app:1");
  }

  Descriptor AddImage(const std::string& config) {
    Descriptor image = source_.AddImage({"layer one", "layer two"}, config);
    source_.SetTop(image);
    return image;
  }
  // A Docker image without layers.
  Descriptor AddDockerImage(const std::string& config) {
    Descriptor blob = source_.AddBlob(kDockerConfigType, config);
    Descriptor image = source_.AddManifest(
        kDockerManifestType,
        absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kDockerManifestType, R"(","config":)",
                     DescriptorJson(blob), R"(,"layers":[]})"));
    source_.SetTop(image);
    return image;
  }
  // An unsigned image of schema 1 with two layers; `top` are members of the upper one's JSON.
  void AddSchema1Image(const std::string& top) {
    const std::string base_id(64, '1');
    source_.SetTop(source_.AddManifest(
        kDockerSchema1Type,
        absl::StrCat(R"({"schemaVersion":1,"name":"n","tag":"t","architecture":"arm","fsLayers":[)"
                     R"({"blobSum":")",
                     Digest::Sha256Of("top").ToString(), R"("},{"blobSum":")",
                     Digest::Sha256Of("base").ToString(),
                     R"("}],"history":[{"v1Compatibility":"{\"id\":\")", std::string(64, '2'),
                     R"(\",\"parent\":\")", base_id, R"(\")", top,
                     R"(}"},{"v1Compatibility":"{\"id\":\")", base_id, R"(\"}"}]})")));
  }
  absl::StatusOr<v1::InspectResponse> Inspect(v1::InspectView view = v1::INSPECT_VIEW_SUMMARY) {
    job_.mutable_inspect()->set_view(view);
    return InspectImage(job_, source_);
  }

  broker::JobSpec job_;
  TaggedSource source_;
};

TEST_F(InspectTest, SummaryTellsWhatSkopeoTells) {
  Descriptor image = AddImage(kConfig);
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect());
  EXPECT_EQ(response.name(), "registry.test:5000/some/app");
  EXPECT_EQ(response.tag(), "");
  EXPECT_EQ(response.digest(), image.digest.ToString());
  EXPECT_EQ(response.media_type(), kOciManifestType);
  EXPECT_THAT(response.repo_tags(), ElementsAre("b", "a"));
  EXPECT_EQ(response.created(), "2020-01-02T03:04:05.12+05:30");
  EXPECT_EQ(response.create_time().seconds(), 1577914445);
  EXPECT_EQ(response.create_time().nanos(), 120000000);
  EXPECT_EQ(response.docker_version(), "20.1");
  EXPECT_TRUE(response.has_labels());
  EXPECT_THAT(response.labels(), UnorderedElementsAre(Pair("b", "1"), Pair("a", "<>")));
  EXPECT_EQ(response.platform().os(), "linux");
  EXPECT_EQ(response.platform().architecture(), "arm");
  EXPECT_EQ(response.platform().variant(), "v7");
  ASSERT_EQ(response.layers_size(), 2);
  EXPECT_EQ(response.layers(0).digest(), Digest::Sha256Of("layer one").ToString());
  EXPECT_EQ(response.layers(0).size_bytes(), 9);
  EXPECT_TRUE(response.has_env());
  EXPECT_THAT(response.env(), ElementsAre("B=1", "A=2"));
  EXPECT_EQ(response.manifest(), "");
  EXPECT_EQ(response.config(), "");
  EXPECT_EQ(response.oci_config(), "");
}

TEST_F(InspectTest, WhatTheConfigurationLacksIsUnset) {
  AddImage("{}");
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect());
  EXPECT_EQ(response.created(), "");
  EXPECT_FALSE(response.has_create_time());
  EXPECT_FALSE(response.has_labels());
  EXPECT_FALSE(response.has_env());
  EXPECT_EQ(response.platform().os(), "");
}

TEST_F(InspectTest, EmptyLabelsAndEnvironmentAreNotNone) {
  AddImage(R"({"config":{"Labels":{},"Env":[]}})");
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect());
  EXPECT_TRUE(response.has_labels());
  EXPECT_TRUE(response.has_env());
}

TEST_F(InspectTest, DockerImageWithoutATimeHasGosZeroTime) {
  AddDockerImage("{}");
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect());
  EXPECT_EQ(response.created(), "0001-01-01T00:00:00Z");
  EXPECT_FALSE(response.has_create_time());
}

TEST_F(InspectTest, Schema1TellsWhatSkopeoTells) {
  AddSchema1Image(R"(,\"os\":\"linux\",\"docker_version\":\"1.7\",\"config\":{\"Env\":[\"A=1\"]})");
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect());
  EXPECT_EQ(response.media_type(), kDockerSchema1Type);
  EXPECT_EQ(response.tag(), "t");
  EXPECT_EQ(response.created(), "0001-01-01T00:00:00Z");
  EXPECT_EQ(response.docker_version(), "1.7");
  EXPECT_EQ(response.platform().os(), "linux");
  // The manifest's own architecture is not asked.
  EXPECT_EQ(response.platform().architecture(), "");
  EXPECT_THAT(response.env(), ElementsAre("A=1"));
  EXPECT_FALSE(response.has_labels());
  ASSERT_EQ(response.layers_size(), 2);
  EXPECT_EQ(response.layers(0).digest(), Digest::Sha256Of("base").ToString());
  EXPECT_EQ(response.layers(1).digest(), Digest::Sha256Of("top").ToString());
  EXPECT_EQ(response.layers(0).media_type(), "");
  EXPECT_EQ(response.layers(0).size_bytes(), -1);
}

TEST_F(InspectTest, ConfigurationOfSchema1IsMade) {
  AddSchema1Image(R"(,\"os\":\"linux\")");
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect(v1::INSPECT_VIEW_CONFIG));
  EXPECT_EQ(response.config(), "");
  EXPECT_EQ(response.oci_config(),
            R"({"architecture":"","os":"linux","config":{},"rootfs":{"type":"layers",)"
            R"("diff_ids":["",""]},"history":[{"created":"0001-01-01T00:00:00Z"},)"
            R"({"created":"0001-01-01T00:00:00Z"}]})");
}

TEST_F(InspectTest, TimeBeforeTheFirstYearHasNoTimestamp) {
  AddImage(R"({"created":"0000-12-31T00:00:00Z"})");
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect());
  EXPECT_EQ(response.created(), "0000-12-31T00:00:00Z");
  EXPECT_FALSE(response.has_create_time());
}

TEST_F(InspectTest, OtherTransportsHaveNoName) {
  job_.mutable_source()->mutable_oci();
  AddImage(kConfig);
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect());
  EXPECT_EQ(response.name(), "");
}

TEST_F(InspectTest, ImageOfAStoreHasItsNameWithoutTag) {
  broker::ContainersStorageImage& image = *job_.mutable_source()->mutable_containers_storage();
  AddImage(kConfig);
  EXPECT_EQ(Inspect()->name(), "");  // named by its identity alone
  image.set_name("docker.io/library/busybox:latest");
  EXPECT_EQ(Inspect()->name(), "docker.io/library/busybox");
}

TEST_F(InspectTest, NameHasBracketsAroundAnIpv6Address) {
  job_.mutable_source()->mutable_registry()->set_display_name("[::1]:5000/some/app:1");
  AddImage(kConfig);
  EXPECT_EQ(Inspect()->name(), "[::1]:5000/some/app");
}

TEST_F(InspectTest, NameIsTheUsersWhereverTheImageIs) {
  job_.mutable_source()->mutable_registry()->set_host("mirror.test");
  job_.mutable_source()->mutable_registry()->set_repository("copy/of/app");
  AddImage(kConfig);
  EXPECT_EQ(Inspect()->name(), "registry.test:5000/some/app");
}

TEST_F(InspectTest, TagsAreLeftOutOnRequest) {
  AddImage(kConfig);
  job_.mutable_inspect()->set_skip_tags(true);
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect());
  EXPECT_THAT(response.repo_tags(), IsEmpty());
  EXPECT_EQ(source_.lists, 0);
}

TEST_F(InspectTest, TagsThatAreRefusedAreAWarning) {
  AddImage(kConfig);
  source_.tags = std::vector<std::string>();
  source_.tag_warnings = {"Registry disallows tag list retrieval; skipping"};
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect());
  EXPECT_THAT(response.warnings(), ElementsAre("Registry disallows tag list retrieval; skipping"));
}

TEST_F(InspectTest, FailureToListTagsFails) {
  AddImage(kConfig);
  source_.tags = MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", "gone");
  absl::Status status = Inspect().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, "determine repository tags: gone"));
  EXPECT_EQ(ErrorReason(status), "REGISTRY_UNAVAILABLE");
}

TEST_F(InspectTest, ManifestViewGivesTheBytes) {
  Descriptor image = AddImage(kConfig);
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect(v1::INSPECT_VIEW_MANIFEST));
  EXPECT_EQ(Digest::Sha256Of(response.manifest()), image.digest);
  EXPECT_EQ(response.digest(), image.digest.ToString());
  EXPECT_EQ(response.media_type(), kOciManifestType);
  EXPECT_THAT(source_.opened(), IsEmpty());
  EXPECT_EQ(source_.lists, 0);
}

TEST_F(InspectTest, ManifestViewGivesWhatIsNoManifestToo) {
  source_.SetTop(source_.AddManifest("x/\xff", "neither"));
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect(v1::INSPECT_VIEW_MANIFEST));
  EXPECT_EQ(response.manifest(), "neither");
  EXPECT_EQ(response.media_type(), "");
}

TEST_F(InspectTest, ConfigViewGivesItsBytesAndTheOciForm) {
  AddImage(kConfig);
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect(v1::INSPECT_VIEW_CONFIG));
  EXPECT_EQ(response.config(), kConfig);
  EXPECT_EQ(response.oci_config(),
            R"({"created":"2020-01-02T03:04:05.12+05:30","architecture":"arm","variant":"v7",)"
            R"("os":"linux","config":{"Env":["B=1","A=2"],)"
            R"("Labels":{"a":"\u003c\u003e","b":"1"}},"rootfs":{"type":"","diff_ids":null}})");
  EXPECT_EQ(source_.lists, 0);
}

TEST_F(InspectTest, IndexIsNamedAndItsImageDescribed) {
  Descriptor arm = source_.AddImage({"a"}, R"({"architecture":"arm64"})");
  Descriptor amd = source_.AddImage({"b"}, R"({"architecture":"amd64"})");
  Descriptor index =
      source_.AddManifest(kOciIndexType, OciIndexJson({arm, amd}, {"linux/arm64", "linux/amd64"}));
  source_.SetTop(index);
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, Inspect());
  EXPECT_EQ(response.digest(), index.digest.ToString());
  EXPECT_EQ(response.media_type(), kOciIndexType);
  EXPECT_EQ(response.platform().architecture(), "amd64");
  job_.mutable_platform()->set_architecture("riscv64");
  absl::Status status = Inspect().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound,
                               "choosing image instance: no image found in image index for "
                               "architecture \"riscv64\", variant \"\", OS \"linux\""));
  EXPECT_EQ(ErrorReason(status), "PLATFORM_NOT_FOUND");
  EXPECT_OK(Inspect(v1::INSPECT_VIEW_MANIFEST));
}

TEST_F(InspectTest, IndexesInOneAnotherHaveALimit) {
  Descriptor top = source_.AddImage({"a"}, kConfig);
  for (int depth = 0; depth < 4; ++depth) {
    top = source_.AddManifest(kOciIndexType, OciIndexJson({top}, {"linux/amd64"}));
  }
  source_.SetTop(top);
  EXPECT_OK(Inspect());
  source_.SetTop(source_.AddManifest(kOciIndexType, OciIndexJson({top}, {"linux/amd64"})));
  absl::Status status = Inspect().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("more than 4")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST_F(InspectTest, IndexThatLiesOfItsImageIsRefused) {
  Descriptor image = source_.AddImage({"a"}, kConfig);
  Descriptor wrong_size = image;
  wrong_size.size_bytes += 1;
  source_.SetTop(source_.AddManifest(kOciIndexType, OciIndexJson({wrong_size}, {"linux/amd64"})));
  EXPECT_THAT(Inspect(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("want")));
  Descriptor wrong_type = image;
  wrong_type.media_type = std::string(kDockerManifestType);
  source_.SetTop(source_.AddManifest(kOciIndexType, OciIndexJson({wrong_type}, {"linux/amd64"})));
  EXPECT_THAT(Inspect(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another type")));
}

TEST_F(InspectTest, ConfigurationIsVerified) {
  AddImage(kConfig);
  source_.Replace(Digest::Sha256Of(kConfig), std::string(sizeof(kConfig) - 1, ' '));
  absl::Status status = Inspect().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  source_.Replace(Digest::Sha256Of(kConfig), absl::StrCat(kConfig, " "));
  EXPECT_THAT(Inspect(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(InspectTest, WhatIsNoManifestIsInvalid) {
  source_.SetTop(source_.AddManifest(kOciManifestType, "[]"));
  absl::Status status = Inspect().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST");
}

TEST_F(InspectTest, ArtifactIsNoImage) {
  Descriptor config = source_.AddBlob("application/vnd.foo+json", "{}");
  source_.SetTop(source_.AddManifest(kOciManifestType, OciManifestJson(config, {})));
  absl::Status status = Inspect().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                               "unsupported image-specific operation on artifact with type "
                               "\"application/vnd.foo+json\""));
  EXPECT_EQ(ErrorReason(status), "MEDIA_TYPE_UNSUPPORTED");
  EXPECT_OK(Inspect(v1::INSPECT_VIEW_MANIFEST));
}

TEST(RunInspect, ReadsALayout) {
  std::string path = absl::StrCat(testing::TempDir(), "/inspect-layout");
  std::filesystem::create_directories(path + "/blobs/sha256");
  auto add = [&path](absl::string_view media_type, const std::string& content) {
    Descriptor descriptor = DescriptorOf(media_type, content);
    std::ofstream(absl::StrCat(path, "/blobs/sha256/", descriptor.digest.hex())) << content;
    return descriptor;
  };
  Descriptor config = add(kOciConfigType, kConfig);
  Descriptor image = add(kOciManifestType, OciManifestJson(config, {}));
  std::ofstream(path + "/index.json")
      << R"({"schemaVersion":2,"manifests":[)" << DescriptorJson(image) << "]}";
  FakeBroker broker({FakeBroker::Kind::kOci, path}, {});
  broker::JobSpec job;
  job.mutable_source()->mutable_oci();
  job.mutable_inspect();
  ASSERT_OK_AND_ASSIGN(v1::InspectResponse response, RunInspect(job, broker));
  EXPECT_EQ(response.digest(), image.digest.ToString());
  EXPECT_EQ(response.docker_version(), "20.1");
}

}  // namespace
}  // namespace holkas
