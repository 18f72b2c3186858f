#include "worker/image/rewrite_manifest.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

std::string D(absl::string_view content) { return Digest::Sha256Of(content).ToString(); }

// `old`, `new`, `kept` and `config` in angle brackets stand for digests.
std::string Fill(absl::string_view json) {
  return absl::StrReplaceAll(
      json,
      {{"<old>", D("old")}, {"<new>", D("new")}, {"<kept>", D("kept")}, {"<config>", D("config")}});
}

absl::StatusOr<Manifest> Replace(absl::string_view json, absl::string_view media_type,
                                 Compression compression,
                                 const std::map<std::string, std::string>& annotations = {}) {
  const std::string bytes = Fill(json);
  absl::StatusOr<Manifest> image =
      Manifest::Parse({bytes, Digest::Sha256Of(bytes), std::string(media_type)});
  if (!image.ok()) {
    return image;
  }
  return ReplaceLayers(
      *image, {{Digest::Sha256Of("old"), {Digest::Sha256Of("new"), 22, compression, annotations}}});
}

constexpr absl::string_view kOci =
    R"( {"annotations": {"b": "<&>"}, "schemaVersion": 2, "unknown": 1,
      "layers": [{"size": 1, "digest": "<old>",
                  "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                  "annotations": {"of": "me", "io.github.containers.zstd-chunked.x": "1"},
                  "data": "AAAA"},
                 {"size": 3, "digest": "<kept>", "unknown": 1,
                  "mediaType": "application/vnd.oci.image.layer.v1.tar"}],
      "config": {"size": 2, "mediaType": "application/vnd.oci.image.config.v1+json",
                 "digest": "<config>"}} )";

TEST(ReplaceLayers, OciIsWrittenInGosOrder) {
  ASSERT_OK_AND_ASSIGN(const Manifest manifest,
                       Replace(kOci, kOciManifestType, Compression::kZstd));
  EXPECT_EQ(manifest.bytes(),
            Fill(R"({"schemaVersion":2,)"
                 R"("config":{"mediaType":"application/vnd.oci.image.config.v1+json",)"
                 R"("digest":"<config>","size":2},)"
                 R"("layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+zstd",)"
                 R"("digest":"<new>","size":22,"annotations":{"of":"me"}},)"
                 R"({"mediaType":"application/vnd.oci.image.layer.v1.tar",)"
                 R"("digest":"<kept>","size":3}],"annotations":{"b":"\u003c\u0026\u003e"}})"));
}

TEST(ReplaceLayers, LayersSayWhatTheyWereMadeInto) {
  ASSERT_OK_AND_ASSIGN(const Manifest manifest,
                       Replace(kOci, kOciManifestType, Compression::kZstd, {{"a", "1"}}));
  EXPECT_THAT(manifest.bytes(), HasSubstr(R"("annotations":{"a":"1","of":"me"})"));
}

constexpr absl::string_view kDocker =
    R"({"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
      "config": {"mediaType": "application/vnd.docker.container.image.v1+json",
                 "digest": "<config>", "size": 2},
      "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                  "digest": "<old>", "size": 1, "urls": ["https://a.test/"]}]})";

TEST(ReplaceLayers, DockersIsWrittenInItsOwnOrder) {
  ASSERT_OK_AND_ASSIGN(const Manifest manifest,
                       Replace(kDocker, kDockerManifestType, Compression::kNone));
  EXPECT_EQ(manifest.bytes(),
            Fill(R"({"schemaVersion":2,)"
                 R"("mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
                 R"("config":{"mediaType":"application/vnd.docker.container.image.v1+json",)"
                 R"("size":2,"digest":"<config>"},)"
                 R"("layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar",)"
                 R"("size":22,"digest":"<new>","urls":["https://a.test/"]}]})"));
}

TEST(ReplaceLayers, DockerHasNoZstd) {
  const absl::Status status = Replace(kDocker, kDockerManifestType, Compression::kZstd).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("by zstd")));
  EXPECT_EQ(ErrorReason(status), "MEDIA_TYPE_UNSUPPORTED");
}

TEST(ReplaceImages, ChangesTheEntriesOfWhatWasMadeAlone) {
  const std::string bytes = Fill(
      R"({"manifests": [{"digest": "<kept>", "size": 3, "artifactType": "a",
                         "mediaType": "application/vnd.oci.image.manifest.v1+json"},
                        {"digest": "<old>", "size": 1, "annotations": {"of": "me"},
                         "mediaType": "application/vnd.oci.image.manifest.v1+json",
                         "platform": {"os": "linux", "architecture": "arm64"}}],
          "annotations": {"b": "1"}, "schemaVersion": 2})");
  ASSERT_OK_AND_ASSIGN(const Manifest index, Manifest::Parse({bytes, Digest::Sha256Of(bytes),
                                                              std::string(kOciIndexType)}));
  ASSERT_OK_AND_ASSIGN(const Manifest made, ReplaceImages(index, {{Digest::Sha256Of("old"),
                                                                   {std::string(kOciManifestType),
                                                                    Digest::Sha256Of("new"),
                                                                    22,
                                                                    {{"zstd", "true"}},
                                                                    {}}}}));
  EXPECT_EQ(made.bytes(),
            Fill(R"({"schemaVersion":2,"manifests":[)"
                 R"({"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
                 R"("digest":"<kept>","size":3,"artifactType":"a"},)"
                 R"({"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
                 R"("digest":"<new>","size":22,"annotations":{"of":"me","zstd":"true"},)"
                 R"("platform":{"os":"linux","architecture":"arm64"}}],)"
                 R"("annotations":{"b":"1"}})"));
}

}  // namespace
}  // namespace holkas
