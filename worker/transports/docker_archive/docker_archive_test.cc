#include "worker/transports/docker_archive/docker_archive.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/archive/random_file.h"
#include "worker/archive/tar_table.h"
#include "worker/archive/test_tar.h"
#include "worker/blob/read_all.h"
#include "worker/broker/fake_broker.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// `printf layer | gzip -n`.
constexpr char kGzippedLayer[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x49\xac\x4c\x2d\x02\x00\x1a\x21\xdb\xe4\x05\x00"
    "\x00\x00";

std::string ConfigOf(const std::vector<std::string>& layers) {
  std::vector<std::string> diff_ids;
  for (const std::string& layer : layers) {
    diff_ids.push_back(absl::StrCat("\"", Digest::Sha256Of(layer).ToString(), "\""));
  }
  return absl::StrCat(R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers",)",
                      R"("diff_ids":[)", absl::StrJoin(diff_ids, ","), "]}}");
}

std::string ItemJson(absl::string_view tags, absl::string_view layers,
                     absl::string_view config = "config.json") {
  return absl::StrCat(R"({"Config":")", config, R"(","RepoTags":)", tags, R"(,"Layers":)", layers,
                      "}");
}

class DockerArchiveTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(testing::TempDir(), "/",
                         testing::UnitTest::GetInstance()->current_test_info()->name(), ".tar");
    std::filesystem::remove(path_);
    const FakeBroker::Directory file{FakeBroker::Kind::kFile, path_};
    broker_ = std::make_unique<FakeBroker>(file, file);
    job_.mutable_source()->mutable_docker_archive();
    job_.mutable_destination()->mutable_docker_archive();
  }

  void WriteArchive(const std::string& members) {
    std::ofstream(path_, std::ios::binary) << members << TarEnd();
  }
  // An archive of one image with the layers `layer` and `other`.
  void WriteImage() {
    WriteArchive(absl::StrCat(
        TarFileBytes(
            "manifest.json",
            absl::StrCat("[", ItemJson(R"(["some/image:1"])", R"(["a.tar","b.tar"])"), "]")),
        TarFileBytes("config.json", ConfigOf({"layer", "other"})), TarFileBytes("a.tar", "layer"),
        TarFileBytes("b.tar", "other")));
  }

  broker::DockerArchiveImage& from() { return *job_.mutable_source()->mutable_docker_archive(); }
  broker::DockerArchiveImage& to() { return *job_.mutable_destination()->mutable_docker_archive(); }
  absl::StatusOr<std::unique_ptr<ImageSource>> Source() {
    return OpenDockerArchiveSource({*broker_, job_}, job_.source());
  }
  absl::Status ReadStatus() {
    ASSIGN_OR_RETURN(auto source, Source());
    return source->ReadManifest(std::nullopt).status();
  }
  // The content of a layer, by its digest.
  absl::StatusOr<std::string> ReadLayer(const std::string& content) {
    ASSIGN_OR_RETURN(auto source, Source());
    RETURN_IF_ERROR(source->ReadManifest(std::nullopt).status());
    const Descriptor layer{
        "", Digest::Sha256Of(content), static_cast<int64_t>(content.size()), {}, {}};
    ASSIGN_OR_RETURN(auto bytes, source->OpenBlob(layer));
    return ReadAll(std::move(bytes), layer.digest, layer.size_bytes, 1 << 20);
  }
  absl::StatusOr<std::vector<std::string>> Tags() {
    std::vector<std::string> tags;
    RETURN_IF_ERROR(
        ListDockerArchiveTags({*broker_, job_}, job_.source(), [&](std::vector<std::string> more) {
          tags.insert(tags.end(), more.begin(), more.end());
          return absl::OkStatus();
        }));
    return tags;
  }

  std::string path_;
  std::unique_ptr<FakeBroker> broker_;
  broker::JobSpec job_;
};

void ExpectInvalid(const absl::Status& status, absl::string_view message) {
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(message)));
  EXPECT_EQ(ErrorReason(status), "INVALID_ARCHIVE");
}

TEST_F(DockerArchiveTest, ManifestNamesTheUncompressedLayers) {
  WriteImage();
  ASSERT_OK_AND_ASSIGN(auto source, Source());
  ASSERT_OK_AND_ASSIGN(RawManifest raw, source->ReadManifest(std::nullopt));
  EXPECT_EQ(raw.media_type, kDockerManifestType);
  const std::string config = ConfigOf({"layer", "other"});
  EXPECT_EQ(
      raw.bytes,
      absl::StrCat(
          R"({"schemaVersion":2,)",
          R"("mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":)",
          R"({"mediaType":"application/vnd.docker.container.image.v1+json","size":)", config.size(),
          R"(,"digest":")", Digest::Sha256Of(config).ToString(), R"("},"layers":[{"mediaType":)",
          R"("application/vnd.docker.image.rootfs.diff.tar.gzip","size":5,"digest":")",
          Digest::Sha256Of("layer").ToString(), R"("},{"mediaType":)",
          R"("application/vnd.docker.image.rootfs.diff.tar.gzip","size":5,"digest":")",
          Digest::Sha256Of("other").ToString(), R"("}]})"));
  EXPECT_EQ(raw.digest, Digest::Sha256Of(raw.bytes));
  EXPECT_THAT(ReadLayer("layer"), IsOkAndHolds("layer"));
  EXPECT_THAT(ReadLayer("third"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("Unknown blob")));
  EXPECT_THAT(source->ReadManifest(Digest::Sha256Of("x")), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(DockerArchiveTest, CompressedLayersAreDecompressed) {
  const std::string gzipped(kGzippedLayer, sizeof(kGzippedLayer) - 1);
  WriteArchive(absl::StrCat(
      TarFileBytes("manifest.json", absl::StrCat("[", ItemJson("null", R"(["a.tar"])"), "]")),
      TarFileBytes("config.json", ConfigOf({"layer"})), TarFileBytes("a.tar", gzipped)));
  EXPECT_THAT(ReadLayer("layer"), IsOkAndHolds("layer"));
  ASSERT_OK_AND_ASSIGN(auto source, Source());
  ASSERT_OK_AND_ASSIGN(RawManifest raw, source->ReadManifest(std::nullopt));
  EXPECT_THAT(raw.bytes, HasSubstr("\"size\":5"));
}

TEST_F(DockerArchiveTest, LinkedLayersAreFollowedAndRepeatedOnesAreOne) {
  WriteArchive(absl::StrCat(
      TarFileBytes("manifest.json",
                   absl::StrCat("[", ItemJson("null", R"(["x/layer.tar","y/layer.tar"])"), "]")),
      TarFileBytes("config.json", ConfigOf({"layer", "layer"})),
      TarLinkBytes(kTarSymlink, "x/layer.tar", "../z.tar"),
      TarLinkBytes(kTarSymlink, "y/layer.tar", "../z.tar"), TarFileBytes("z.tar", "layer")));
  EXPECT_THAT(ReadLayer("layer"), IsOkAndHolds("layer"));
}

TEST_F(DockerArchiveTest, AnAlteredLayerIsDataLoss) {
  WriteArchive(absl::StrCat(
      TarFileBytes("manifest.json", absl::StrCat("[", ItemJson("null", R"(["a.tar"])"), "]")),
      TarFileBytes("config.json", ConfigOf({"layer"})), TarFileBytes("a.tar", "lxyer")));
  EXPECT_THAT(ReadLayer("layer"), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(DockerArchiveTest, OneOfSeveralImagesIsChosen) {
  const auto item = [](absl::string_view tags, absl::string_view config) {
    return ItemJson(tags, "[]", config);
  };
  WriteArchive(absl::StrCat(
      TarFileBytes("manifest.json", absl::StrCat("[", item(R"(["a:1","quay.io/b:2"])", "one.json"),
                                                 ",", item("[]", "two.json"), "]")),
      TarFileBytes("one.json", R"({"rootfs":{"type":"layers"}})"),
      TarFileBytes("two.json", R"({"rootfs":{"type":"layers"},"os":"x"})")));
  const auto config_size = [&]() -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(auto source, Source());
    ASSIGN_OR_RETURN(RawManifest raw, source->ReadManifest(std::nullopt));
    return absl::StrContains(raw.bytes, "\"size\":28");
  };
  EXPECT_THAT(ReadStatus(), StatusIs(absl::StatusCode::kInvalidArgument,
                                     "Unexpected tar manifest.json: expected 1 item, got 2"));
  from().set_name("docker.io/library/a:1");
  EXPECT_THAT(config_size(), IsOkAndHolds(true));
  from().set_name("quay.io/b:2");
  EXPECT_THAT(config_size(), IsOkAndHolds(true));
  from().set_name("quay.io/b:3");
  EXPECT_THAT(ReadStatus(), StatusIs(absl::StatusCode::kNotFound, "Tag \"quay.io/b:3\" not found"));
  EXPECT_EQ(ErrorReason(ReadStatus()), "TAG_UNKNOWN");
  from().clear_name();
  from().set_has_index(true);
  from().set_index(1);
  EXPECT_THAT(config_size(), IsOkAndHolds(false));
  from().set_index(2);
  EXPECT_THAT(ReadStatus(), StatusIs(absl::StatusCode::kInvalidArgument,
                                     "Invalid source index @2, only 2 manifest items available"));
  EXPECT_THAT(Tags(), IsOkAndHolds(ElementsAre("docker.io/library/a:1", "quay.io/b:2", "@1")));
}

TEST_F(DockerArchiveTest, WhatIsNoSuchArchiveIsRefused) {
  WriteArchive(TarFileBytes("repositories", "{}"));
  ExpectInvalid(Source().status(), "loading tar component manifest.json: file does not exist");
  WriteArchive(TarFileBytes("manifest.json", "{}"));
  ExpectInvalid(Source().status(), "decoding tar manifest.json: it is no list");
  WriteArchive(TarFileBytes("manifest.json", R"([{"config":"x"}])"));
  ExpectInvalid(Source().status(), "decoding tar manifest.json");
  WriteArchive(TarFileBytes("manifest.json", absl::StrCat("[", ItemJson(R"(["UP"])", "[]"), "]")));
  from().set_name("docker.io/library/x:1");
  ExpectInvalid(Source().status(), "Invalid tag \"UP\" in manifest.json item @0");
  ExpectInvalid(Tags().status(), "Invalid tag \"UP\" in manifest.json item @0");
}

TEST_F(DockerArchiveTest, WhatDoesNotFitTogetherIsRefused) {
  const std::string one_layer = absl::StrCat("[", ItemJson("null", R"(["a.tar"])"), "]");
  WriteArchive(TarFileBytes("manifest.json", one_layer));
  ExpectInvalid(ReadStatus(), "loading tar component \"config.json\": file does not exist");
  WriteArchive(
      absl::StrCat(TarFileBytes("manifest.json", one_layer), TarFileBytes("config.json", "{}")));
  ExpectInvalid(ReadStatus(), "Invalid image config (rootFS is not set): \"config.json\"");
  WriteArchive(absl::StrCat(TarFileBytes("manifest.json", one_layer),
                            TarFileBytes("config.json", ConfigOf({"layer", "other"}))));
  ExpectInvalid(ReadStatus(), "Inconsistent layer count: 1 in manifest, 2 in config");
  WriteArchive(absl::StrCat(TarFileBytes("manifest.json", one_layer),
                            TarFileBytes("config.json", ConfigOf({"layer"}))));
  ExpectInvalid(ReadStatus(), "Some layer tarfiles are missing in the tarball");
  WriteArchive(absl::StrCat(
      TarFileBytes("manifest.json",
                   absl::StrCat("[", ItemJson("null", R"(["a.tar","./a.tar"])"), "]")),
      TarFileBytes("config.json", ConfigOf({"layer", "other"})), TarFileBytes("a.tar", "layer")));
  ExpectInvalid(ReadStatus(), "Layer tarfile \"a.tar\" used for two different DiffID values");
}

TEST_F(DockerArchiveTest, WrittenMembersAreThoseOfSkopeo) {
  to().set_name("docker.io/library/busybox:v1");
  to().add_additional_names("quay.io/a/b:2");
  to().add_additional_names("docker.io/library/busybox:v1");
  ASSERT_OK_AND_ASSIGN(auto destination,
                       OpenDockerArchiveDestination({*broker_, job_}, job_.destination()));
  EXPECT_TRUE(destination->AcceptsManifestType(kDockerManifestType));
  EXPECT_FALSE(destination->AcceptsManifestType(kOciManifestType));
  EXPECT_FALSE(destination->AcceptsManifestType(kDockerListType));
  EXPECT_EQ(destination->wanted_layer_form(), ImageDestination::LayerForm::kUncompressed);

  const std::string config = ConfigOf({"layer"});
  const Descriptor config_blob{std::string(kDockerConfigType),
                               Digest::Sha256Of(config),
                               static_cast<int64_t>(config.size()),
                               {},
                               {}};
  // Not yet what it will be.
  const Descriptor layer{
      std::string(kDockerLayerGzipType), Digest::Sha256Of("gzipped"), -1, {}, {}};
  destination->ExpectBlob(layer);
  destination->ExpectBlob(config_blob);
  ASSERT_OK_AND_ASSIGN(auto config_sink, destination->CreateBlob(config_blob));
  ASSERT_OK(config_sink->Append(config));
  ASSERT_OK(config_sink->Finish(config_blob.digest, config_blob.size_bytes));
  ASSERT_OK_AND_ASSIGN(auto layer_sink, destination->CreateBlob(layer));
  ASSERT_OK(layer_sink->Append("layer"));
  ASSERT_OK(layer_sink->Finish(Digest::Sha256Of("layer"), 5));

  const std::string manifest = absl::StrCat(
      R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)",
      R"("config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":)",
      config.size(), R"(,"digest":")", config_blob.digest.ToString(), R"("},"layers":[{)",
      R"("mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":5,"digest":")",
      Digest::Sha256Of("layer").ToString(), R"("}]})");
  ASSERT_OK_AND_ASSIGN(const Manifest parsed, Manifest::Parse({manifest, Digest::Sha256Of(manifest),
                                                               std::string(kDockerManifestType)}));
  ASSERT_OK(destination->WriteManifest(parsed, /*is_top=*/true));
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_OK(destination->Publish(parsed));

  const std::string hex(Digest::Sha256Of("layer").hex());
  const std::string config_hex(config_blob.digest.hex());
  std::ifstream file(path_, std::ios::binary);
  const std::string archive((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
  std::vector<std::string> names;
  for (size_t at = 0; !IsZeroBlock(absl::string_view(archive).substr(at, kTarBlockBytes));) {
    ASSERT_OK_AND_ASSIGN(const TarHeader header,
                         ParseTarHeader(absl::string_view(archive).substr(at, kTarBlockBytes)));
    names.push_back(header.name);
    at += kTarBlockBytes + header.size_bytes + TarPadding(header.size_bytes);
  }
  ASSERT_EQ(names.size(), 7u);
  EXPECT_EQ(names[0], hex + ".tar");
  EXPECT_EQ(names[1], config_hex + ".json");
  const std::string id = names[2].substr(0, 64);
  EXPECT_THAT(names, ElementsAre(hex + ".tar", config_hex + ".json", id + "/layer.tar",
                                 id + "/VERSION", id + "/json", "manifest.json", "repositories"));
  const RandomFile random(FileWith(archive));
  ASSERT_OK_AND_ASSIGN(const TarTable table, TarTable::Read(random));
  EXPECT_THAT(ReadMember(random, table, id + "/layer.tar", 100), IsOkAndHolds("layer"));
  EXPECT_THAT(ReadMember(random, table, id + "/VERSION", 100), IsOkAndHolds("1.0"));
  EXPECT_THAT(ReadMember(random, table, "manifest.json", 1000),
              IsOkAndHolds(absl::StrCat(
                  R"([{"Config":")", config_hex,
                  R"(.json","RepoTags":["docker.io/library/busybox:v1","quay.io/a/b:2"],)",
                  R"("Layers":[")", hex, R"(.tar"]}])")));
  EXPECT_THAT(ReadMember(random, table, "repositories", 1000),
              IsOkAndHolds(absl::StrCat(R"({"docker.io/library/busybox":{"v1":")", id,
                                        R"("},"quay.io/a/b":{"2":")", id, R"("}})")));
}

TEST_F(DockerArchiveTest, NothingIsWrittenToAPosition) {
  to().set_has_index(true);
  EXPECT_THAT(OpenDockerArchiveDestination({*broker_, job_}, job_.destination()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "Destination reference must not contain a manifest index @0"));
}

}  // namespace
}  // namespace holkas
