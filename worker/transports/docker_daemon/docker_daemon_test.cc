#include "worker/transports/docker_daemon/docker_daemon.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/archive/test_tar.h"
#include "worker/blob/read_all.h"
#include "worker/image/manifest.h"
#include "worker/image/media_types.h"
#include "worker/transports/docker_daemon/scripted_daemon.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string DiffId(absl::string_view layer) { return Digest::Sha256Of(layer).ToString(); }

Descriptor Blob(absl::string_view type, absl::string_view content) {
  return {
      std::string(type), Digest::Sha256Of(content), static_cast<int64_t>(content.size()), {}, {}};
}

class DockerDaemonTest : public ScriptedDaemon {
 protected:
  DockerDaemonTest() { *location_.mutable_docker_daemon() = image_; }

  // An image of two layers, the second of which comes first, as `docker save` may send it.
  std::string SavedImage() const {
    return absl::StrCat(
        TarFileBytes("b/layer.tar", second_), TarFileBytes("a/layer.tar", first_),
        TarFileBytes("c.json", config_),
        TarFileBytes("manifest.json", R"([{"Config":"c.json","RepoTags":["busybox:1"],)"
                                      R"("Layers":["a/layer.tar","b/layer.tar"]}])"),
        TarEnd());
  }
  void ServeSaved(const std::string& archive) {
    Serve([archive](const ScriptedRequest&) {
      return ScriptedReply{.body = archive, .framing = Framing::kChunked};
    });
  }

  absl::StatusOr<std::unique_ptr<ImageSource>> Source() {
    return OpenDockerDaemonSource({broker_, job_}, location_);
  }
  // What the daemon says after a load: its messages, and the image under the name.
  void ServeLoad(const std::string& messages, const std::string& described) {
    Serve([messages, described](const ScriptedRequest& request) {
      return ScriptedReply{.body = request.method == "POST" ? messages : described};
    });
  }
  std::string Described(const std::string& id) const {
    return absl::StrCat(R"({"Id":")", id, R"(","RootFS":{"Layers":[")", DiffId(first_), "\",\"",
                        DiffId(second_), "\"]}}");
  }

  static absl::Status Write(ImageDestination& to, const Descriptor& blob,
                            absl::string_view content) {
    ASSIGN_OR_RETURN(const auto sink, to.CreateBlob(blob));
    RETURN_IF_ERROR(sink->Append(content));
    return sink->Finish(blob.digest, blob.size_bytes);
  }
  Manifest TheManifest() const {
    const auto json = [](const Descriptor& blob) {
      return absl::StrCat(R"({"mediaType":")", blob.media_type, R"(","size":)", blob.size_bytes,
                          R"(,"digest":")", blob.digest.ToString(), "\"}");
    };
    std::string bytes = absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kDockerManifestType,
                                     R"(","config":)", json(Blob(kDockerConfigType, config_)),
                                     R"(,"layers":[)", json(Blob(kDockerLayerGzipType, first_)),
                                     ",", json(Blob(kDockerLayerGzipType, second_)), "]}");
    const Digest digest = Digest::Sha256Of(bytes);
    return *Manifest::Parse({std::move(bytes), digest, ""});
  }
  // Copies the image into the daemon.
  absl::Status Load() {
    ASSIGN_OR_RETURN(const auto to, OpenDockerDaemonDestination({broker_, job_}, location_));
    RETURN_IF_ERROR(Write(*to, Blob(kDockerLayerGzipType, first_), first_));
    RETURN_IF_ERROR(Write(*to, Blob(kDockerLayerGzipType, second_), second_));
    RETURN_IF_ERROR(Write(*to, Blob(kDockerConfigType, config_), config_));
    const Manifest manifest = TheManifest();
    RETURN_IF_ERROR(to->WriteManifest(manifest, /*is_top=*/true));
    return to->Publish(manifest);
  }

  const std::string first_ = std::string(2000, 'a');
  const std::string second_ = std::string(900, 'b');
  const std::string config_ = absl::StrCat(
      R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[")",
      DiffId(first_), "\",\"", DiffId(second_), "\"]}}");
  broker::ImageLocation location_;
  broker::JobSpec job_;
};

TEST_F(DockerDaemonTest, ManifestIsMadeOfOneSending) {
  ServeSaved(SavedImage());
  ASSERT_OK_AND_ASSIGN(const auto source, Source());
  ASSERT_OK_AND_ASSIGN(RawManifest raw, source->ReadManifest(std::nullopt));
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, Manifest::Parse(std::move(raw)));
  EXPECT_EQ(manifest.bytes(), TheManifest().bytes());
  ASSERT_OK_AND_ASSIGN(auto config, source->OpenBlob(manifest.image().config));
  EXPECT_EQ(
      ReadAll(std::move(config), manifest.image().config.digest, config_.size(), 1000).value(),
      config_);
  EXPECT_THAT(Requests(), ElementsAre("GET /_ping", "GET /v1.41/images/get?names=busybox%3A1"));
}

TEST_F(DockerDaemonTest, LayersInTheOrderOfTheStreamTakeOneMoreSending) {
  ServeSaved(SavedImage());
  ASSERT_OK_AND_ASSIGN(const auto source, Source());
  ASSERT_OK(source->ReadManifest(std::nullopt).status());
  const std::vector<Digest> order = source->ReadingOrder();
  ASSERT_THAT(order, ElementsAre(Digest::Sha256Of(second_), Digest::Sha256Of(first_)));
  for (const std::string* layer : {&second_, &first_}) {
    const Descriptor blob = Blob(kDockerLayerGzipType, *layer);
    ASSERT_OK_AND_ASSIGN(auto bytes, source->OpenBlob(blob));
    EXPECT_EQ(ReadAll(std::move(bytes), blob.digest, blob.size_bytes, 10000).value(), *layer);
  }
  EXPECT_EQ(Requests().size(), 3u);
}

TEST_F(DockerDaemonTest, DaemonThatFailsWhileItSendsSaysWhy) {
  ServeSaved(absl::StrCat(TarFileBytes("a", "x"), R"({"errorDetail":{"message":"disk on fire"}})"));
  EXPECT_THAT(Source(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                 "loading image from docker engine: Error response from daemon: "
                                 "disk on fire"));
}

TEST_F(DockerDaemonTest, WhatIsNoImageIsInvalid) {
  for (const std::string& archive :
       {std::string("<html>"), TarEnd(), TarFileBytes("manifest.json", "[]") + TarEnd(),
        SavedImage().substr(0, 1000)}) {
    ServeSaved(archive);
    const absl::Status status = Source().status();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(status.message(), HasSubstr("loading image from docker engine: "));
  }
}

TEST_F(DockerDaemonTest, LoadedImageHasItsName) {
  ServeLoad("{\"stream\":\"Loaded image: busybox:1\\n\"}\n", Described(DiffId(config_)));
  EXPECT_OK(Load());
  EXPECT_THAT(Requests(), ElementsAre("GET /_ping", "POST /v1.41/images/load?quiet=1",
                                      "GET /v1.41/images/busybox:1/json"));
  const std::string tar = server_->requests()[1].body;
  EXPECT_THAT(tar, HasSubstr(R"("RepoTags":["docker.io/library/busybox:1"])"));
  EXPECT_TRUE(absl::StrContains(tar, config_));
  EXPECT_EQ(tar.size() % 512, 0u);
}

TEST_F(DockerDaemonTest, DaemonThatLoadsNothingWithoutAWordIsFoundOut) {
  ServeLoad("{\"stream\":\"Loaded image: busybox:1\\n\"}\n", Described("sha256:old"));
  const absl::Status status = Load();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("but has sha256:old under the name")));
  EXPECT_EQ(ErrorReason(status), "DAEMON_ERROR");
  ServeLoad("", absl::StrCat(R"({"Id":")", DiffId(config_), R"("})"));
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kFailedPrecondition));
  Serve([](const ScriptedRequest& request) {
    return request.method == "POST" ? ScriptedReply{}
                                    : ScriptedReply{.status = 404, .body = R"({"message":"no"})"};
  });
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(DockerDaemonTest, ErrorOfTheDaemonIsTheCopys) {
  ServeLoad(R"({"errorDetail":{"message":"no space left on device"}})", "{}");
  const absl::Status status = Load();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               "loading image into docker engine: Error response from daemon: no "
                               "space left on device"));
  EXPECT_EQ(ErrorReason(status), "DISK_FULL");
}

TEST_F(DockerDaemonTest, LayerThatChangesOnItsWayIsRefused) {
  ServeLoad("", "{}");
  ASSERT_OK_AND_ASSIGN(const auto to, OpenDockerDaemonDestination({broker_, job_}, location_));
  Descriptor blob = Blob(kDockerLayerGzipType, first_);
  blob.size_bytes = -1;
  EXPECT_EQ(ErrorReason(to->CreateBlob(blob).status()), "OPTION_UNIMPLEMENTED");
  EXPECT_TRUE(to->writes_in_turn());
  EXPECT_TRUE(to->AcceptsManifestType(kDockerManifestType));
  EXPECT_FALSE(to->AcceptsManifestType(kOciManifestType));
  EXPECT_FALSE(to->AcceptsManifestType(kDockerListType));
}

}  // namespace
}  // namespace holkas
