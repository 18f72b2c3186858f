#include "worker/image/docker_v1_image.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// What Skopeo 1.9.3 makes of images of an old Docker.
constexpr char kNoContainer[] =
    R"({"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,)"
    R"("AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,)"
    R"("Cmd":null,"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,)"
    R"("Labels":null})";
constexpr char kFullContainer[] =
    R"({"Hostname":"h","Domainname":"d","User":"u","AttachStdin":true,"ExposedPorts":)"
    R"({"80/tcp":{},"443/tcp":{"a":1}},"Tty":true,"Env":["A=<"],"Cmd":["a"],"Healthcheck":)"
    R"({"Test":["CMD"],"Interval":5,"Timeout":0,"Retries":3,"StartPeriod":7},"ArgsEscaped":true,)"
    R"("Image":"i","Volumes":{"/b":{},"/a":{}},"WorkingDir":"/w","Entrypoint":["e"],)"
    R"("NetworkDisabled":true,"MacAddress":"m","OnBuild":["o"],"Labels":{"b":"1","a":"2"},)"
    R"("StopSignal":"S","StopTimeout":5,"Shell":["sh"],"Memory":7,"PortSpecs":null})";
constexpr char kFullContainerWritten[] =
    R"({"Hostname":"h","Domainname":"d","User":"u","AttachStdin":true,"AttachStdout":false,)"
    R"("AttachStderr":false,"ExposedPorts":{"443/tcp":{},"80/tcp":{}},"Tty":true,)"
    R"("OpenStdin":false,"StdinOnce":false,"Env":["A=\u003c"],"Cmd":["a"],"Healthcheck":)"
    R"({"Test":["CMD"],"StartPeriod":7,"Interval":5,"Retries":3},"ArgsEscaped":true,"Image":"i",)"
    R"("Volumes":{"/a":{},"/b":{}},"WorkingDir":"/w","Entrypoint":["e"],"NetworkDisabled":true,)"
    R"("MacAddress":"m","OnBuild":["o"],"Labels":{"a":"2","b":"1"},"StopSignal":"S",)"
    R"("StopTimeout":5,"Shell":["sh"]})";

TEST(DockerV1Image, OldOneGetsTheFieldsThatLaterOnesHave) {
  EXPECT_THAT(
      CompleteDockerV1Image(absl::StrCat(
          R"({"id": "i","created":"2015-01-01T00:00:00.50Z","docker_version":"1.8.2","config":)",
          kFullContainer, R"(,"author":"<me>","container":"c","Size":7,"parent_id":"p","x":5})")),
      IsOkAndHolds(absl::StrCat(
          R"({"id":"i","created":"2015-01-01T00:00:00.5Z","container":"c","container_config":)",
          kNoContainer, R"(,"docker_version":"1.8.2","author":"\u003cme\u003e","config":)",
          kFullContainerWritten, R"(,"Size":7})")));
}

TEST(DockerV1Image, WhatIsNotThereIsWrittenAsGoWritesIt) {
  EXPECT_THAT(CompleteDockerV1Image(R"({"docker_version":"1.6","config":null,"os":"linux"})"),
              IsOkAndHolds(absl::StrCat(R"({"created":"0001-01-01T00:00:00Z","container_config":)",
                                        kNoContainer, R"(,"docker_version":"1.6","os":"linux"})")));
  EXPECT_THAT(
      CompleteDockerV1Image(
          R"({"docker_version":"1.8","config":{"ExposedPorts":{},"Env":[],"Healthcheck":{}}})"),
      IsOkAndHolds(HasSubstr(R"("Env":[],"Cmd":null,"Healthcheck":{},"Image":"")")));
}

TEST(DockerV1Image, LaterOnesAreKeptAsTheyAreWritten) {
  for (const char* version : {"1.8.3", "1.8.10", "1.9", "1.8.3-rc1.5", "17.03", "2", ""}) {
    const std::string image = absl::StrCat(R"({ "docker_version":")", version, R"(", "x": 1.0})");
    // A part that is no number counts as 0.
    const bool is_old = std::string(version) == "1.8.3-rc1.5";
    EXPECT_EQ(*CompleteDockerV1Image(image) == image, !is_old) << version;
  }
  EXPECT_THAT(CompleteDockerV1Image("{ }"), IsOkAndHolds("{ }"));
}

TEST(DockerV1Image, FieldsOfAnotherTypeAreRefused) {
  for (const char* more :
       {R"("config":5)", R"("config":{"Tty":"x"})", R"("Size":"7")", R"("created":"x")",
        R"("config":{"Volumes":{"a":1}})", R"("config":{"Labels":["x"]})",
        R"("config":{"tty":true})", R"("container_config":{"Env":[5]})", R"("ID":"x")",
        R"("config":{"Healthcheck":{"Interval":1.5}})"}) {
    EXPECT_THAT(
        CompleteDockerV1Image(absl::StrCat(R"({"docker_version":"1.7",)", more, "}")).status(),
        StatusIs(absl::StatusCode::kInvalidArgument))
        << more;
  }
}

}  // namespace
}  // namespace holkas
