#include "worker/transports/docker_archive/legacy_layers.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// As Skopeo 1.9.3 made them of an image with these layers and this configuration.
TEST(MakeLegacyLayers, AreThoseOfSkopeo) {
  std::vector<Digest> diff_ids;
  for (const char* hex : {"adfede2c2b8f4407c4d89cbb77f22c62dd8d6615ab986961254d5dddf59251b7",
                          "b56170a30f1daf4d629867dd1802cf181163d8dd4cdbe9849084d93a4c9527ec",
                          "01384476c8819634d3dcfc12c7fcee5a97267ecf62a891ce978d4781a93a7c56"}) {
    diff_ids.push_back(*Digest::Parse(std::string("sha256:") + hex));
  }
  ASSERT_OK_AND_ASSIGN(
      const std::vector<LegacyLayer> layers,
      MakeLegacyLayers(
          diff_ids,
          R"json({"created":"2024-01-01T00:00:00Z","author":"holkas","architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/bin"],"Cmd":["/usr/bin/true"],"Labels":{"dev.holkas.made-by":"make_image"}},"rootfs":{"type":"layers","diff_ids":["sha256:adfede2c2b8f4407c4d89cbb77f22c62dd8d6615ab986961254d5dddf59251b7","sha256:b56170a30f1daf4d629867dd1802cf181163d8dd4cdbe9849084d93a4c9527ec","sha256:01384476c8819634d3dcfc12c7fcee5a97267ecf62a891ce978d4781a93a7c56"]},"history":[{"created":"2024-01-01T00:00:00Z","created_by":"tools/make_image"},{"created":"2024-01-01T00:00:00Z","created_by":"tools/make_image"},{"created":"2024-01-01T00:00:00Z","created_by":"tools/make_image"}]}
)json"));
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].id, "d4daf1ec2e387be0f751648313012e37b6754704873d4eb07002f45bd2838cbb");
  EXPECT_EQ(layers[0].json,
            R"json({"id":"d4daf1ec2e387be0f751648313012e37b6754704873d4eb07002f45bd2838cbb"})json");
  EXPECT_EQ(layers[1].id, "1dfc29506d45447cc6a2c3bcaf0a373b9faa70b5600c4f31c23596f8b5957512");
  EXPECT_EQ(
      layers[1].json,
      R"json({"id":"1dfc29506d45447cc6a2c3bcaf0a373b9faa70b5600c4f31c23596f8b5957512","parent":"d4daf1ec2e387be0f751648313012e37b6754704873d4eb07002f45bd2838cbb"})json");
  EXPECT_EQ(layers[2].id, "d20e0a7ab2076e7ddd413d9e2a1a964627970f73306bbb915af6b40372ae9aaf");
  EXPECT_EQ(
      layers[2].json,
      R"json({"architecture":"amd64","config":{"Env":["PATH=/usr/bin"],"Cmd":["/usr/bin/true"],"Labels":{"dev.holkas.made-by":"make_image"}},"container":null,"container_config":null,"created":"2024-01-01T00:00:00Z","docker_version":null,"id":"d20e0a7ab2076e7ddd413d9e2a1a964627970f73306bbb915af6b40372ae9aaf","os":"linux","parent":"1dfc29506d45447cc6a2c3bcaf0a373b9faa70b5600c4f31c23596f8b5957512"})json");
}

TEST(MakeLegacyLayers, ConfigurationThatIsNoObjectIsRefused) {
  const absl::Status status = MakeLegacyLayers({Digest::Sha256Of("x")}, "[]").status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no object")));
  EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST");
}

}  // namespace
}  // namespace holkas
