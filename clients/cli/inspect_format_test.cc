#include "clients/cli/inspect_format.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

holkas::v1::InspectResponse Image() {
  holkas::v1::InspectResponse image;
  image.set_digest("sha256:dd");
  image.set_created("2020-01-02T03:04:05.12+05:30");
  image.set_docker_version("20.1");
  image.set_has_labels(true);
  (*image.mutable_labels())["b"] = "1";
  (*image.mutable_labels())["a"] = "<";
  image.mutable_platform()->set_architecture("amd64");
  image.mutable_platform()->set_os("linux");
  for (const char* digest : {"sha256:11", "sha256:22"}) {
    holkas::v1::Descriptor* layer = image.add_layers();
    layer->set_digest(digest);
    layer->set_media_type("x/y");
    layer->set_size_bytes(9);
  }
  image.set_has_env(true);
  image.add_env("A=1");
  return image;
}

constexpr char kConfig[] =
    R"({"created":"2020-01-02T03:04:05.12+05:30","author":"me","architecture":"amd64",)"
    R"("os":"linux","config":{"Env":["A=1"],"Labels":{"a":"<","b":"1"},"Volumes":{"/v":{}}},)"
    R"("rootfs":{"type":"layers","diff_ids":["sha256:c2"]},"history":[)"
    R"({"created":"2019-01-01T00:00:00Z","created_by":"x <1>","author":"q","comment":"c"},)"
    R"({"empty_layer":true}]})";

struct FormatCase {
  std::string format;
  std::string output;
};

// What Skopeo prints, but for LayersData and the functions, which came after 1.9.3.
TEST(InspectFormat, FieldsAreSkopeos) {
  for (const FormatCase& c : {
           FormatCase{"{{.Digest}}", "sha256:dd\n"},
           FormatCase{"{{.Name}}", "\n"},
           FormatCase{"{{.Tag}}|{{.DockerVersion}}", "|20.1\n"},
           FormatCase{"{{.Layers}}", "[sha256:11 sha256:22]\n"},
           FormatCase{"{{.RepoTags}} {{.Env}} {{.Labels}}", "[] [A=1] map[a:< b:1]\n"},
           FormatCase{"{{.Created}}", "2020-01-02 03:04:05.12 +0530 +0530\n"},
           FormatCase{"{{range .Layers}}{{.}}\\n{{end}}", "sha256:11\nsha256:22\n\n"},
           FormatCase{"{{json .Env}} {{join .Layers \",\"}}", "[\"A=1\"] sha256:11,sha256:22\n"},
           FormatCase{"{{json .LayersData}}",
                      R"([{"MIMEType":"x/y","Digest":"sha256:11","Size":9,"Annotations":null},)"
                      R"({"MIMEType":"x/y","Digest":"sha256:22","Size":9,"Annotations":null}])"
                      "\n"},
           FormatCase{"{{range .LayersData}}{{.Size}} {{end}}", "9 9 \n"},
           FormatCase{"{{.Os}}\n", "linux\n"},
           FormatCase{"{{.Os}}\\n", "linux\n"},
       }) {
    EXPECT_THAT(FormatImage(c.format, Image()), IsOkAndHolds(c.output)) << c.format;
  }
}

TEST(InspectFormat, WhatIsNotThereIsNone) {
  holkas::v1::InspectResponse image;
  EXPECT_THAT(FormatImage("{{.Created}} {{json .Labels}} {{json .Env}} {{json .RepoTags}}", image),
              IsOkAndHolds("<nil> null null []\n"));
}

TEST(InspectFormat, TablesStandInColumns) {
  EXPECT_THAT(FormatImage("table {{.Os}} {{.Architecture}}", Image()),
              IsOkAndHolds("linux       amd64\n"));
  EXPECT_THAT(FormatImage("table A\\tB\\n{{.Os}}\\t{{len .Layers}}", Image()),
              IsOkAndHolds("A           B\nlinux       2\n"));
  EXPECT_THAT(FormatImage("{{.Os}}\\tx", Image()), IsOkAndHolds("linux\tx\n"));
}

TEST(InspectFormat, ConfigurationHasTheFieldsOfItsGoType) {
  for (const FormatCase& c : {
           FormatCase{"{{.}}",
                      "{2020-01-02 03:04:05.12 +0530 +0530 me amd64  linux  [] { map[] [A=1] [] [] "
                      "map[/v:{}]  map[a:< b:1]  false} {layers [sha256:c2]} "
                      "[{2019-01-01 00:00:00 +0000 UTC x <1> q c false} {<nil>    true}]}\n"},
           FormatCase{"{{.Architecture}} {{.OS}} {{.Config.Env}} {{.RootFS.DiffIDs}}",
                      "amd64 linux [A=1] [sha256:c2]\n"},
           FormatCase{"{{range .History}}{{.CreatedBy}},{{end}}", "x <1>,,\n"},
           FormatCase{"{{json .Config}}",
                      R"({"Env":["A=1"],"Volumes":{"/v":{}},"Labels":{"a":"<","b":"1"}})"
                      "\n"},
           FormatCase{"{{json .History}}",
                      R"([{"created":"2019-01-01T00:00:00Z","created_by":"x <1>","author":"q",)"
                      R"("comment":"c"},{"empty_layer":true}])"
                      "\n"},
       }) {
    EXPECT_THAT(FormatConfig(c.format, kConfig), IsOkAndHolds(c.output)) << c.format;
  }
  EXPECT_THAT(FormatConfig("{{json .RootFS}} {{.Created}}", "{}"),
              IsOkAndHolds("{\"type\":\"\",\"diff_ids\":null} <nil>\n"));
  EXPECT_THAT(FormatConfig("x", "[]").status(), StatusIs(absl::StatusCode::kInternal));
}

TEST(InspectFormat, ErrorsNameTheTemplate) {
  EXPECT_THAT(FormatImage("{{.Foo}}", Image()).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "template: inspect: can't evaluate field Foo in type struct"));
}

TEST(InspectFormat, SomeFormatsAskForJson) {
  for (const char* format : {"json", " json ", "{{json}}", "{{json .}}", " {{  json   .  }} "}) {
    EXPECT_TRUE(IsJsonFormat(format)) << format;
  }
  for (const char* format : {"", "json x", "{{json .Layers}}", "{{json .}}x", "{json}"}) {
    EXPECT_FALSE(IsJsonFormat(format)) << format;
  }
}

}  // namespace
}  // namespace holkas
