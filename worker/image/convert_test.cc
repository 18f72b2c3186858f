#include "worker/image/convert.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// An image that Skopeo 1.9.3 wrote to a registry (`copy --format v2s2`), and what it made of it on
// the way back to a layout.
constexpr char kConfig[] =
    R"({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": )"
    R"(["sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"]}})";
constexpr char kDockerManifest[] =
    R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
    R"("config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":159,)"
    R"("digest":"sha256:eafa2e0a8bc267ca2fc4662664ed4d4ae46fe6d0ef754d993db90cbe2670c9ae"},)"
    R"("layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":29,)"
    R"("digest":"sha256:deb230b21e0d7ef6a0a2d65a19599d4251b5f08888a5155882fbef2ef71e1e11"}]})";
constexpr char kOciConfig[] =
    R"({"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":)"
    R"(["sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"]}})";
constexpr char kOciManifest[] =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
    R"("config":{"mediaType":"application/vnd.oci.image.config.v1+json",)"
    R"("digest":"sha256:277a86d5d1a6983dd0f8c45442ddec4188dd31d58693bede97b63004e4706d31",)"
    R"("size":163},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip",)"
    R"("digest":"sha256:deb230b21e0d7ef6a0a2d65a19599d4251b5f08888a5155882fbef2ef71e1e11",)"
    R"("size":29}]})";

// The same of a list.
constexpr char kDockerList[] =
    R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json",)"
    R"("manifests":[{"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
    R"("size":422,"digest":"sha256:ef28460d48bc67fc04d158757a6093dc4d9ab19611bfc38690b83b509ca65a11",)"
    R"("platform":{"architecture":"amd64","os":"linux","os.version":"5","os.features":["q"]}},)"
    R"({"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":422,)"
    R"("digest":"sha256:d1e80dad70e814b0e79ca3d72b85ee4874f7bd8bb2fd17bff3cfc3cfc2657d9c",)"
    R"("urls":["http://x/y"],"platform":{"architecture":"arm","os":"linux","variant":"v7"}}]})";
constexpr char kOciIndex[] =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json",)"
    R"("manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
    R"("digest":"sha256:32dc8cfad3e83988930134d357d9b9d41e43c6f0b7294ef5d16f4e2e399c4047",)"
    R"("size":400,)"
    R"("platform":{"architecture":"amd64","os":"linux","os.version":"5","os.features":["q"]}},)"
    R"({"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
    R"("digest":"sha256:eeb247c9867278f8c6abb5ba808d5c54452ad1e118a5a4132eeac22d78452ba8",)"
    R"("size":400,"urls":["http://x/y"],)"
    R"("platform":{"architecture":"arm","os":"linux","variant":"v7"}}]})";

Manifest Parse(const std::string& bytes, absl::string_view type = "") {
  return *Manifest::Parse({bytes, Digest::Sha256Of(bytes), std::string(type)});
}

Descriptor Image(absl::string_view type, absl::string_view digest, int64_t size_bytes) {
  return {std::string(type), *Digest::Parse(digest), size_bytes, {}, {}};
}

TEST(Convert, DockerImageBecomesSkopeosOciImage) {
  ASSERT_OK_AND_ASSIGN(ConvertedImage image, ConvertToOci(Parse(kDockerManifest), kConfig));
  EXPECT_EQ(image.config, kOciConfig);
  EXPECT_EQ(image.manifest.bytes(), kOciManifest);
  EXPECT_EQ(image.manifest.media_type(), kOciManifestType);
  EXPECT_EQ(image.manifest.digest(), Digest::Sha256Of(kOciManifest));
  EXPECT_EQ(image.manifest.image().config.digest, Digest::Sha256Of(kOciConfig));
}

TEST(Convert, OciImageBecomesSkopeosDockerImage) {
  std::string manifest = absl::StrReplaceAll(
      kOciManifest,
      {{Digest::Sha256Of(kOciConfig).ToString(), Digest::Sha256Of(kConfig).ToString()},
       {"\"size\":163", "\"size\":159"}});
  ASSERT_OK_AND_ASSIGN(ConvertedImage image, ConvertToDocker(Parse(manifest), kConfig));
  EXPECT_EQ(image.config, kConfig);
  EXPECT_EQ(image.manifest.bytes(), kDockerManifest);
  EXPECT_EQ(image.manifest.media_type(), kDockerManifestType);
}

TEST(Convert, ImageOfTheTypeStaysAsItIs) {
  std::string spaced = std::string(kOciManifest) + " ";
  ASSERT_OK_AND_ASSIGN(ConvertedImage oci, ConvertToOci(Parse(spaced), kConfig));
  EXPECT_EQ(oci.manifest.bytes(), spaced);
  EXPECT_EQ(oci.config, kConfig);
  ASSERT_OK_AND_ASSIGN(ConvertedImage docker, ConvertToDocker(Parse(kDockerManifest), "x"));
  EXPECT_EQ(docker.manifest.bytes(), kDockerManifest);
}

TEST(Convert, LayerTypesHaveCounterparts) {
  const std::pair<absl::string_view, absl::string_view> types[] = {
      {kDockerLayerType, kOciLayerType},
      {kDockerLayerGzipType, kOciLayerGzipType},
      {kDockerForeignLayerType, kOciNondistributableLayerType},
      {kDockerForeignLayerGzipType, kOciNondistributableLayerGzipType},
  };
  for (const auto& [docker, oci] : types) {
    std::string manifest = absl::StrReplaceAll(
        kDockerManifest, {{absl::StrCat("\"", kDockerLayerGzipType, "\",\"size\":29"),
                           absl::StrCat("\"", docker, R"(","urls":["http://u"],"size":29)")}});
    ASSERT_OK_AND_ASSIGN(ConvertedImage image, ConvertToOci(Parse(manifest), kConfig));
    EXPECT_EQ(image.manifest.image().layers[0].media_type, oci);
    EXPECT_THAT(image.manifest.image().layers[0].urls, testing::ElementsAre("http://u"));
    ASSERT_OK_AND_ASSIGN(ConvertedImage back, ConvertToDocker(image.manifest, image.config));
    EXPECT_EQ(back.manifest.image().layers[0].media_type, docker);
  }
}

void ExpectUnsupported(const absl::Status& status, const std::string& message) {
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(message)));
  EXPECT_EQ(ErrorReason(status), "MEDIA_TYPE_UNSUPPORTED");
}

TEST(Convert, WhatHasNoCounterpartIsUnimplemented) {
  std::string odd =
      absl::StrReplaceAll(kDockerManifest, {{std::string(kDockerLayerGzipType), "x/y"}});
  ExpectUnsupported(ConvertToOci(Parse(odd), kConfig).status(), "layer of type \"x/y\"");
  std::string zstd = absl::StrReplaceAll(
      kOciManifest, {{std::string(kOciLayerGzipType), std::string(kOciLayerZstdType)}});
  ExpectUnsupported(ConvertToDocker(Parse(zstd), kOciConfig).status(), "layer of type");
  std::string artifact =
      absl::StrReplaceAll(kOciManifest, {{std::string(kOciConfigType), "x/config"}});
  ExpectUnsupported(ConvertToDocker(Parse(artifact, kOciManifestType), "{}").status(),
                    "configuration of type \"x/config\"");
}

TEST(Convert, MalformedConfigurationIsInvalid) {
  EXPECT_THAT(ConvertToOci(Parse(kDockerManifest), "[]"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("parse configuration")));
}

TEST(Convert, DockerListBecomesSkopeosIndex) {
  Manifest list = Parse(kDockerList);
  const auto& entries = list.index().manifests;
  ASSERT_OK_AND_ASSIGN(
      Manifest index,
      ConvertIndexToOci(
          list,
          {{entries[0].descriptor.digest,
            Image(kOciManifestType,
                  "sha256:32dc8cfad3e83988930134d357d9b9d41e43c6f0b7294ef5d16f4e2e399c4047", 400)},
           {entries[1].descriptor.digest,
            Image(kOciManifestType,
                  "sha256:eeb247c9867278f8c6abb5ba808d5c54452ad1e118a5a4132eeac22d78452ba8",
                  400)}}));
  EXPECT_EQ(index.bytes(), kOciIndex);
  EXPECT_EQ(index.media_type(), kOciIndexType);
}

TEST(Convert, IndexBecomesSkopeosDockerList) {
  Manifest index = Parse(kOciIndex);
  const auto& entries = index.index().manifests;
  ASSERT_OK_AND_ASSIGN(
      Manifest list,
      ConvertIndexToDocker(
          index,
          {{entries[0].descriptor.digest,
            Image(kDockerManifestType,
                  "sha256:ef28460d48bc67fc04d158757a6093dc4d9ab19611bfc38690b83b509ca65a11", 422)},
           {entries[1].descriptor.digest,
            Image(kDockerManifestType,
                  "sha256:d1e80dad70e814b0e79ca3d72b85ee4874f7bd8bb2fd17bff3cfc3cfc2657d9c",
                  422)}}));
  EXPECT_EQ(list.bytes(), kDockerList);
}

TEST(Convert, EntriesThatWereNotConvertedStay) {
  ASSERT_OK_AND_ASSIGN(Manifest index, ConvertIndexToOci(Parse(kOciIndex), {}));
  EXPECT_EQ(index.bytes(), kOciIndex);
}

TEST(Convert, EntryWithoutPlatformHasNoPlaceInADockerList) {
  std::string index = absl::StrReplaceAll(
      kOciIndex, {{R"(,"platform":{"architecture":"arm","os":"linux","variant":"v7"})", ""}});
  ExpectUnsupported(ConvertIndexToDocker(Parse(index), {}).status(), "without platform");
}

}  // namespace
}  // namespace holkas
