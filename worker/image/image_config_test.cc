#include "worker/image/image_config.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/manifest.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::Pair;

// What Skopeo 1.9.3 makes of configurations (`inspect --config`, without the indentation).
struct SkopeoCase {
  std::string config;
  std::string written;
};

class SkopeoConfig : public testing::TestWithParam<SkopeoCase> {};

TEST_P(SkopeoConfig, IsWrittenTheSame) {
  ASSERT_OK_AND_ASSIGN(ImageConfig config, ImageConfig::Parse(GetParam().config));
  EXPECT_EQ(config.ToOciJson(), GetParam().written);
  // What was written is read as the same again.
  ASSERT_OK_AND_ASSIGN(ImageConfig again, ImageConfig::Parse(GetParam().written));
  EXPECT_EQ(again.ToOciJson(), GetParam().written);
}

constexpr char kNothing[] =
    R"({"architecture":"","os":"","config":{},"rootfs":{"type":"","diff_ids":null}})";

// Every field there is, Docker's own too.
constexpr char kFull[] = R"({
  "architecture":"arm","variant":"v7","os":"linux","os.version":"1.2","os.features":["f"],
  "created":"2020-01-02T03:04:05.120000+05:30","author":"a<b>&c\u2028\u0001\u007f\u00e9\b\f",
  "docker_version":"20.1","container":"x","container_config":{"Env":["Z=1"]},"id":"i","parent":"p",
  "comment":"cm",
  "config":{"User":"u","ExposedPorts":{"80/tcp":{},"443/tcp":{"a":1}},"Env":["B=1",null,"A=2"],
    "Entrypoint":["/e"],"Cmd":[],"Volumes":{"/z":{},"/a":null},"WorkingDir":"/w",
    "Labels":{"b":"1","a":"2","B":null},"StopSignal":"SIGX","Hostname":"h","ArgsEscaped":true,
    "Healthcheck":{"Test":["CMD"]},"OnBuild":["x"],"Memory":5},
  "rootfs":{"type":"layers","diff_ids":["sha256:5f70"],"extra":1},
  "history":[{"created":"2019-01-01T00:00:00Z","created_by":"x","author":"q","comment":"c",
    "empty_layer":true,"foo":1},{"created":null},{},null],"x":{"y":1}})";
constexpr char kFullWritten[] =
    R"({"created":"2020-01-02T03:04:05.12+05:30",)"
    "\"author\":\"a\\u003cb\\u003e\\u0026c\\u2028\\u0001\x7f\xc3\xa9\\u0008\\u000c\","
    R"("architecture":"arm","variant":"v7","os":"linux","os.version":"1.2","os.features":["f"],)"
    R"("config":{"User":"u","ExposedPorts":{"443/tcp":{},"80/tcp":{}},"Env":["B=1","","A=2"],)"
    R"("Entrypoint":["/e"],"Volumes":{"/a":{},"/z":{}},"WorkingDir":"/w",)"
    R"("Labels":{"B":"","a":"2","b":"1"},"StopSignal":"SIGX","ArgsEscaped":true},)"
    R"("rootfs":{"type":"layers","diff_ids":["sha256:5f70"]},)"
    R"("history":[{"created":"2019-01-01T00:00:00Z","created_by":"x","author":"q","comment":"c",)"
    R"("empty_layer":true},{},{},{}]})";

INSTANTIATE_TEST_SUITE_P(
    Configs, SkopeoConfig,
    testing::Values(
        SkopeoCase{kFull, kFullWritten}, SkopeoCase{"{}", kNothing},
        SkopeoCase{R"({"config":null,"rootfs":null,"history":null,"created":null,"os":null})",
                   kNothing},
        SkopeoCase{
            R"({"architecture":"amd64","os":"linux","config":{"Labels":{},"Env":[],"Volumes":{},)"
            R"("ExposedPorts":{}},"rootfs":{"type":"layers","diff_ids":null},"history":[]})",
            R"({"architecture":"amd64","os":"linux","config":{},)"
            R"("rootfs":{"type":"layers","diff_ids":null}})"},
        SkopeoCase{R"({"created":"0001-01-01T00:00:00Z","architecture":"amd64","os":"linux",)"
                   R"("rootfs":{"type":"layers","diff_ids":[]}})",
                   R"({"created":"0001-01-01T00:00:00Z","architecture":"amd64","os":"linux",)"
                   R"("config":{},"rootfs":{"type":"layers","diff_ids":[]}})"}));

TEST(ImageConfig, ReadsWhatInspectShows) {
  ASSERT_OK_AND_ASSIGN(ImageConfig config, ImageConfig::Parse(kFull));
  EXPECT_EQ(config.docker_version, "20.1");
  EXPECT_EQ(config.created->text, "2020-01-02T03:04:05.12+05:30");
  EXPECT_THAT(config.config.labels,
              Optional(ElementsAre(Pair("B", ""), Pair("a", "2"), Pair("b", "1"))));
  EXPECT_THAT(config.config.env, Optional(ElementsAre("B=1", "", "A=2")));
}

TEST(ImageConfig, NoneDiffersFromEmpty) {
  ASSERT_OK_AND_ASSIGN(ImageConfig none, ImageConfig::Parse(R"({"config":{"Labels":null}})"));
  EXPECT_FALSE(none.config.labels.has_value());
  EXPECT_FALSE(none.config.env.has_value());
  EXPECT_FALSE(none.created.has_value());
  ASSERT_OK_AND_ASSIGN(ImageConfig empty,
                       ImageConfig::Parse(R"({"config":{"Labels":{},"Env":[]}})"));
  EXPECT_TRUE(empty.config.labels.has_value());
  EXPECT_TRUE(empty.config.env.has_value());
}

class BadConfig : public testing::TestWithParam<std::string> {};

TEST_P(BadConfig, IsInvalid) {
  absl::Status status = ImageConfig::Parse(GetParam()).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("parse configuration: ")));
  EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST");
}

INSTANTIATE_TEST_SUITE_P(
    Forms, BadConfig,
    testing::Values("", "[]", "null", "{} x", R"({"created":5})", R"({"created":""})",
                    R"({"created":"2020-02-30T03:04:05Z"})", R"({"config":{"Cmd":"x"}})",
                    R"({"config":{"Env":[1]}})", R"({"config":{"Labels":["x"]}})",
                    R"({"config":{"ExposedPorts":{"80":5}}})", R"({"config":[]})",
                    R"({"history":{}})", R"({"history":[1]})",
                    R"({"history":[{"created":"yesterday"}]})",
                    R"({"history":[{"empty_layer":"true"}]})", R"({"rootfs":[]})",
                    R"({"rootfs":{"diff_ids":{}}})",
                    // What Go's decoder takes and two readers may read in two ways.
                    R"({"os":"linux","os":"two"})", R"({"OS":"linux"})",
                    R"({"config":{"env":["A=1"]}})", R"({"history":[{"Created_By":"x"}]})"));

TEST(ImageConfig, SizeHasALimit) {
  std::string text = R"({"x":")" + std::string(kMaxConfigBytes - 8, 'x') + "\"}";
  ASSERT_EQ(text.size(), static_cast<size_t>(kMaxConfigBytes));
  EXPECT_OK(ImageConfig::Parse(text).status());
  absl::Status status = ImageConfig::Parse(text + " ").status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("4194304")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace holkas
