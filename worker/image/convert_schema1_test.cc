#include "worker/image/convert_schema1.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/empty_layer.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What Skopeo 1.9.3 makes of images of schema 1 (`copy --format v2s2` and `oci`), and what it makes
// images of schema 1 of (`copy --format v2s1`).

constexpr char kBaseLayer[] =
    "sha256:710ad1415f2aee70cff67446ac96654e0a9c20aa56a95c4de5390f2d271957ee";
constexpr char kBaseDiffId[] =
    "sha256:c21a5d5a5ab8c6d15947fc2b149096eee2752be184f22e47d3290250f6a15dd5";
constexpr char kTopLayer[] =
    "sha256:ac1c0666e0a70213377d510a24a267826eabae140e14a05ba0dfd420ae93bd59";
constexpr char kTopDiffId[] =
    "sha256:0a3f919cdc9cef4acd05741c2469fb7f53b3b2ac6bf9792ec25ea889d8ef0f2e";

std::string BaseImage() {
  return absl::StrCat(
      R"({"id":")", std::string(64, '1'),
      R"(","created":"2014-01-01T00:00:00Z","container_config":{"Cmd":["x"]},"Size":5})");
}

std::string EmptyImage() {
  return absl::StrCat(R"({"id":")", std::string(64, '2'), R"(","parent":")", std::string(64, '1'),
                      R"(","created":"2014-01-01T00:00:00Z","container_config":{"Cmd":["e"]},)"
                      R"("throwaway":true})");
}

std::string TopImage(absl::string_view docker_version) {
  return absl::StrCat(R"({"id":")", std::string(64, '3'), R"(","parent":")", std::string(64, '2'),
                      R"(","created":"2015-01-01T00:00:00.500Z","container_config":)"
                      R"({"Cmd":["a","b c"]},"os":"linux","architecture":"amd64",)"
                      R"("docker_version":")",
                      docker_version,
                      R"(","author":"<me>","comment":"c","config":{"Env":["A=<"], "Labels":)"
                      R"({"b":"1","a":"\u00e9"}},"parent_id":"p","layer_id":"l","Size":7,)"
                      R"("x":1.50,"y":"\/"})");
}

Schema1Manifest Image(absl::string_view docker_version) {
  Schema1Manifest written;
  written.name = "n";
  written.tag = "t";
  written.architecture = "amd64";
  for (const auto& [digest, text] :
       {std::pair(absl::string_view(kBaseLayer), BaseImage()),
        std::pair(kEmptyLayerDigest, EmptyImage()),
        std::pair(absl::string_view(kTopLayer), TopImage(docker_version))}) {
    written.layers.emplace_back(*Digest::Parse(digest)).v1_compatibility = text;
  }
  const std::string bytes = written.ToJson();
  return Manifest::Parse({bytes, Digest::Sha256Of(bytes), std::string(kDockerSchema1Type)})
      ->schema1();
}

std::vector<ReadLayer> Layers() {
  return {{98, *Digest::Parse(kBaseDiffId)},
          {32, Digest::Sha256Of("")},
          {99, *Digest::Parse(kTopDiffId)}};
}

std::string Rootfs() {
  return absl::StrCat(R"("rootfs":{"type":"layers","diff_ids":[")", kBaseDiffId, R"(",")",
                      kTopDiffId, R"("]})");
}

constexpr char kDockerHistory[] =
    R"("history":[{"created":"2014-01-01T00:00:00Z","created_by":"x"},)"
    R"({"created":"2014-01-01T00:00:00Z","created_by":"e","empty_layer":true},)"
    R"({"created":"2015-01-01T00:00:00.5Z","author":"\u003cme\u003e","created_by":"a b c",)"
    R"("comment":"c"}])";

TEST(ConvertSchema1, BecomesSkopeosDockerImage) {
  ASSERT_OK_AND_ASSIGN(const ConvertedImage image,
                       ConvertSchema1ToDocker(Image("17.03"), Layers()));
  EXPECT_EQ(image.config,
            absl::StrCat(R"({"architecture":"amd64","author":"\u003cme\u003e","comment":"c",)"
                         R"("config":{"Env":["A=\u003c"],"Labels":{"b":"1","a":"\u00e9"}},)"
                         R"("container_config":{"Cmd":["a","b c"]},)"
                         R"("created":"2015-01-01T00:00:00.500Z","docker_version":"17.03",)",
                         kDockerHistory, R"(,"os":"linux",)", Rootfs(), R"(,"x":1.50,"y":"\/"})"));
  EXPECT_EQ(image.manifest.bytes(),
            absl::StrCat(
                R"({"schemaVersion":2,"mediaType":)"
                R"("application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":)"
                R"("application/vnd.docker.container.image.v1+json","size":679,"digest":)"
                R"("sha256:ec9fb476ffdbe24e0ec408cc0cf7cf281de625e9c168dfd300f0eb0e590f9bef"},)"
                R"("layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip",)"
                R"("size":98,"digest":")",
                kBaseLayer,
                R"("},{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip",)"
                R"("size":99,"digest":")",
                kTopLayer, R"("}]})"));
}

TEST(ConvertSchema1, BecomesSkopeosOciImage) {
  for (const char* version : {"17.03", "1.8.2"}) {
    ASSERT_OK_AND_ASSIGN(const ConvertedImage image, ConvertSchema1ToOci(Image(version), Layers()));
    EXPECT_EQ(image.config,
              absl::StrCat(R"({"created":"2015-01-01T00:00:00.5Z","author":"\u003cme\u003e",)"
                           R"("architecture":"amd64","os":"linux","config":{"Env":["A=\u003c"],)"
                           R"("Labels":{"a":")",
                           "\xc3\xa9", R"(","b":"1"}},)", Rootfs(),
                           R"(,"history":[{"created":"2014-01-01T00:00:00Z","created_by":"x"},)"
                           R"({"created":"2014-01-01T00:00:00Z","created_by":"e",)"
                           R"("empty_layer":true},{"created":"2015-01-01T00:00:00.5Z",)"
                           R"("created_by":"a b c","author":"\u003cme\u003e","comment":"c"}]})"));
    EXPECT_EQ(image.manifest.image().config.digest.ToString(),
              "sha256:5827b0581e8a234d2bf0ffa879be75c30ff42104a094b8e330a0bbe2a59d06b5");
    ASSERT_EQ(image.manifest.image().layers.size(), 2u);
    EXPECT_EQ(image.manifest.image().layers[1].digest.ToString(), kTopLayer);
    EXPECT_EQ(image.manifest.image().layers[1].size_bytes, 99);
    EXPECT_EQ(image.manifest.image().layers[1].media_type, kOciLayerGzipType);
  }
}

TEST(ConvertSchema1, ImageOfAnOldDockerIsCompletedFirst) {
  ASSERT_OK_AND_ASSIGN(const ConvertedImage image,
                       ConvertSchema1ToDocker(Image("1.8.2"), Layers()));
  EXPECT_EQ(Digest::Sha256Of(image.config).ToString(),
            "sha256:abadaa63b41c88287911899efc785e392b078bdfa32a7b46147f076a7b72e05e");
}

TEST(ConvertSchema1, UnknownDiffIdsAreEmpty) {
  const std::vector<ReadLayer> unread(3);
  ASSERT_OK_AND_ASSIGN(const ConvertedImage image, ConvertSchema1ToOci(Image("17.03"), unread));
  EXPECT_THAT(image.config, HasSubstr(R"("diff_ids":["",""])"));
}

TEST(ConvertSchema1, TopMustBeAnImage) {
  Schema1Manifest odd = Image("17.03");
  odd.layers.back().v1_compatibility = R"({"config":5,"docker_version":"1.7"})";
  const absl::Status status = ConvertSchema1ToDocker(odd, Layers()).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("JSON object")));
  EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST");
}

// The image that becomes one of schema 1.
constexpr char kConfigHead[] =
    R"({"os":"linux","architecture":"amd64","created":"2020-01-02T03:04:05.120000+05:30",)"
    R"("x<y":"a<b\u00e9&  \/","num":1.50e3,"config":{"Env":["A=1"],"Labels":{"b":"1","a":"<"}, )"
    R"("Cmd":null},"docker_version":"20.1","author":"me","rootfs":{"type":"layers","diff_ids":[]},)"
    R"("history":[{"created":"2019-01-01T00:00:00Z","created_by":"x <1>","author":"q",)"
    R"("comment":"c"},{"created":"2019-01-01T00:00:00.5+01:00","created_by":"e",)"
    R"("empty_layer":true},{})";
const std::string kConfig = absl::StrCat(kConfigHead, "]}");
const std::string kConfigEmptyOnTop = absl::StrCat(kConfigHead, R"(,{"empty_layer":true}]})");

// With the layers `a` and `b`.
Manifest ImageWith(absl::string_view config, bool is_oci = false) {
  const Descriptor layers[] = {
      {std::string(kDockerLayerGzipType), Digest::Sha256Of("a"), 1, {}, {}},
      {std::string(kDockerLayerGzipType), Digest::Sha256Of("b"), 1, {}, {}}};
  const Manifest docker =
      *WriteDockerManifest(config, std::vector<Descriptor>(std::begin(layers), std::end(layers)));
  if (!is_oci) {
    return docker;
  }
  const std::string bytes = absl::StrReplaceAll(
      docker.bytes(), {{std::string(kDockerManifestType), std::string(kOciManifestType)},
                       {std::string(kDockerConfigType), std::string(kOciConfigType)},
                       {std::string(kDockerLayerGzipType), std::string(kOciLayerGzipType)}});
  return *Manifest::Parse({bytes, Digest::Sha256Of(bytes), ""});
}

TEST(ConvertSchema1, ImageBecomesSkopeosManifest) {
  const Schema1Manifest want = *ConvertToSchema1(ImageWith(kConfig), kConfig);
  EXPECT_EQ(want.ToJson(),
            R"x({"name":"","tag":"","architecture":"amd64","fsLayers":[{"blobSum":"sha256:3e23e8)x"
            R"x(160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"},{"blobSum":"sha256:)x"
            R"x(a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"},{"blobSum":"s)x"
            R"x(ha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}],"histo)x"
            R"x(ry":[{"v1Compatibility":"{\"architecture\":\"amd64\",\"author\":\"me\",\"config\)x"
            R"x(":{\"Env\":[\"A=1\"],\"Labels\":{\"b\":\"1\",\"a\":\"\\u003c\"},\"Cmd\":null},\")x"
            R"x(created\":\"2020-01-02T03:04:05.120000+05:30\",\"docker_version\":\"20.1\",\"id\)x"
            R"x(":\"ca190dceee890207ce1840c514e453a33ffccc0bcff2154da191087aafafcaa9\",\"num\":1)x"
            R"x(.50e3,\"os\":\"linux\",\"parent\":\"2d50e10e5c4321ff9ef92aa9dac2f3dd5a342d71b6c7)x"
            R"x(12dda6d8e5ffb0f0b6b6\",\"x\\u003cy\":\"a\\u003cb\\u00e9\\u0026  \\/\"}"},{"v1Com)x"
            R"x(patibility":"{\"id\":\"2d50e10e5c4321ff9ef92aa9dac2f3dd5a342d71b6c712dda6d8e5ffb)x"
            R"x(0f0b6b6\",\"parent\":\"2d8bf3a3b97ecf7b51f941f5d3b140ea27d9724645ba33770a36aafa8)x"
            R"x(963a8f9\",\"created\":\"2019-01-01T00:00:00.5+01:00\",\"container_config\":{\"Cm)x"
            R"x(d\":[\"e\"]},\"throwaway\":true}"},{"v1Compatibility":"{\"id\":\"2d8bf3a3b97ecf7)x"
            R"x(b51f941f5d3b140ea27d9724645ba33770a36aafa8963a8f9\",\"comment\":\"c\",\"created\)x"
            R"x(":\"2019-01-01T00:00:00Z\",\"container_config\":{\"Cmd\":[\"x \\u003c1\\u003e\"])x"
            R"x(},\"author\":\"q\"}"}],"schemaVersion":1})x");
  EXPECT_EQ(ConvertToSchema1(ImageWith(kConfig, true), kConfig)->ToJson(), want.ToJson());
}

TEST(ConvertSchema1, EmptyLayerOnTopIsThrownAway) {
  const Schema1Manifest image = *ConvertToSchema1(ImageWith(kConfigEmptyOnTop), kConfigEmptyOnTop);
  EXPECT_EQ(Digest::Sha256Of(image.ToJson()).ToString(),
            "sha256:e05e0d7f4a1f3910e000d6ce77d1f64ee5f60fc661f7f450bd7cef9f566135e7");
}

TEST(ConvertSchema1, WhatIsWrittenIsReadAgain) {
  Schema1Manifest image = *ConvertToSchema1(ImageWith(kConfig), kConfig);
  const std::string bytes = image.ToJson();
  ASSERT_OK_AND_ASSIGN(const Manifest again, Manifest::Parse({bytes, Digest::Sha256Of(bytes), ""}));
  EXPECT_EQ(again.schema1().ToJson(), bytes);
  EXPECT_EQ(again.schema1().top().id, image.top().id);
}

TEST(ConvertSchema1, HistoryMustFitTheLayers) {
  struct Case {
    std::string history;
    std::string says;
  };
  for (const Case& c :
       {Case{"[]",
             "Cannot convert an image with 0 history entries to "
             "application/vnd.docker.distribution.manifest.v1+prettyjws"},
        Case{"null", "Cannot convert an image with 0 history entries"},
        Case{"[{},{},{}]", "Invalid image configuration, needs more than the 2 distributed layers"},
        Case{"[{}]", "Invalid image configuration, its history has 1 of the 2 distributed layers"},
        Case{R"([{"empty_layer":true}])", "its history has 0 of the 2"}}) {
    const std::string config = absl::StrCat(R"({"history":)", c.history, "}");
    const absl::Status status = ConvertToSchema1(ImageWith(config), config).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(c.says)));
    EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST");
  }
}

TEST(ConvertSchema1, WhatDockerHasNoNameForIsUnimplemented) {
  const std::string oci =
      absl::StrReplaceAll(ImageWith(kConfig, true).bytes(),
                          {{std::string(kOciLayerGzipType), std::string(kOciLayerZstdType)}});
  EXPECT_THAT(
      ConvertToSchema1(*Manifest::Parse({oci, Digest::Sha256Of(oci), ""}), kConfig).status(),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("layer of type")));
}

TEST(EmptyLayer, HasItsDigest) {
  EXPECT_EQ(Digest::Sha256Of(kEmptyLayer).ToString(), kEmptyLayerDigest);
}

}  // namespace
}  // namespace holkas
