#include "worker/image/schema1_manifest.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/manifest_limits.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// An ID for each small number.
std::string Id(int number) {
  return absl::StrCat(absl::Hex(number, absl::kZeroPad16)) + std::string(48, '0');
}

std::string BlobSum(int number) { return Digest::Sha256Of(absl::StrCat(number)).ToString(); }

// One layer as a case describes it: the text of its v1Compatibility, and which blob it is.
struct LayerCase {
  std::string compatibility;
  int blob = 0;
};

LayerCase Base(int id) { return {absl::StrCat(R"({"id":")", Id(id), "\"}"), id}; }
LayerCase On(int id, int parent, absl::string_view more = "") {
  return {absl::StrCat(R"({"id":")", Id(id), R"(","parent":")", Id(parent), "\"", more, "}"), id};
}

// `layers` from the top down, as in the manifest.
absl::StatusOr<Schema1Manifest> Parse(const std::vector<LayerCase>& layers) {
  std::vector<std::string> fs_layers;
  std::vector<std::string> history;
  for (const LayerCase& layer : layers) {
    fs_layers.push_back(absl::StrCat(R"({"blobSum":")", BlobSum(layer.blob), "\"}"));
    history.push_back(
        absl::StrCat(R"({"v1Compatibility":)", JsonValue(layer.compatibility).Write(), "}"));
  }
  ASSIGN_OR_RETURN(
      const JsonValue root,
      ParseStrictJson(absl::StrCat(R"({"name":"n","tag":"t","architecture":"arm","fsLayers":[)",
                                   absl::StrJoin(fs_layers, ","), R"(],"history":[)",
                                   absl::StrJoin(history, ","), R"(],"schemaVersion":1})")));
  return ParseSchema1(root);
}

std::vector<std::string> Blobs(const Schema1Manifest& manifest) {
  std::vector<std::string> blobs;
  for (const Schema1Manifest::Layer& layer : manifest.layers) {
    blobs.push_back(layer.digest.ToString());
  }
  return blobs;
}

TEST(Schema1Manifest, LayersAreReadFromTheBaseUp) {
  ASSERT_OK_AND_ASSIGN(
      const Schema1Manifest manifest,
      Parse({On(2, 1,
                R"(,"created":"2015-01-01T00:00:00.50Z","author":"a","comment":"c",)"
                R"("container_config":{"Cmd":["x",null,"y z"],"Env":5},"throwaway":true,"os":7)"),
             Base(1)}));
  EXPECT_EQ(manifest.name, "n");
  EXPECT_EQ(manifest.tag, "t");
  EXPECT_EQ(manifest.architecture, "arm");
  EXPECT_THAT(Blobs(manifest), ElementsAre(BlobSum(1), BlobSum(2)));
  const Schema1Manifest::Layer& base = manifest.layers[0];
  EXPECT_EQ(base.id, Id(1));
  EXPECT_EQ(base.parent, "");
  EXPECT_FALSE(base.created.has_value());
  EXPECT_THAT(base.command, IsEmpty());
  EXPECT_FALSE(base.is_empty);
  const Schema1Manifest::Layer& top = manifest.top();
  EXPECT_EQ(top.parent, Id(1));
  EXPECT_EQ(top.created->text, "2015-01-01T00:00:00.5Z");
  EXPECT_EQ(top.author, "a");
  EXPECT_EQ(top.comment, "c");
  EXPECT_THAT(top.command, ElementsAre("x", "", "y z"));
  EXPECT_TRUE(top.is_empty);
}

TEST(Schema1Manifest, IsWrittenAsSkopeoWritesIt) {
  ASSERT_OK_AND_ASSIGN(const Schema1Manifest manifest, Parse({On(2, 1, R"(, "x": "<")"), Base(1)}));
  EXPECT_EQ(
      manifest.ToJson(),
      absl::StrCat(R"({"name":"n","tag":"t","architecture":"arm","fsLayers":[{"blobSum":")",
                   BlobSum(2), R"("},{"blobSum":")", BlobSum(1),
                   R"("}],"history":[{"v1Compatibility":"{\"id\":\")", Id(2), R"(\",\"parent\":\")",
                   Id(1), R"(\", \"x\": \"\u003c\"}"},{"v1Compatibility":"{\"id\":\")", Id(1),
                   R"(\"}"}],"schemaVersion":1})"));
}

TEST(Schema1Manifest, OfLayersWithOneIdTheLowestIsKept) {
  LayerCase again = On(2, 1);
  again.blob = 7;
  ASSERT_OK_AND_ASSIGN(Schema1Manifest manifest, Parse({again, On(2, 1), Base(1)}));
  EXPECT_THAT(Blobs(manifest), ElementsAre(BlobSum(1), BlobSum(2)));
  ASSERT_OK_AND_ASSIGN(manifest, Parse({On(2, 1), Base(1), Base(1), Base(1)}));
  EXPECT_THAT(Blobs(manifest), ElementsAre(BlobSum(1), BlobSum(2)));
}

struct BadCase {
  std::vector<LayerCase> layers;
  std::string says;
};

TEST(Schema1Manifest, LayersThatAreNoChainAreRefusedInSkopeosWords) {
  const BadCase cases[] = {
      {{}, "no FSLayers in manifest"},
      {{On(2, 7), Base(1)}, absl::StrCat("Invalid parent ID. Expected ", Id(1), ", got ", Id(7))},
      {{Base(2), Base(1)}, absl::StrCat("Invalid parent ID. Expected ", Id(1), ", got ")},
      {{On(2, 1)}, "Invalid parent ID in the base layer of the image"},
      {{On(2, 1), On(1, 7)}, "Invalid parent ID in the base layer of the image"},
      {{On(1, 2), On(2, 1), Base(1)},
       absl::StrCat("ID ", Id(1), " appears multiple times in manifest")},
      {{{R"({"id":"XYZ"})"}}, "image ID \"XYZ\" is invalid"},
      {{{R"({"id":"abc"})"}}, "image ID \"abc\" is invalid"},
      {{{"{}"}}, "image ID \"\" is invalid"},
      {{{"{"}}, "parsing v2s1 history entry 0: invalid JSON"},
      {{{"[]"}}, "parsing v2s1 history entry 0: not a JSON object"},
      {{On(2, 1), {R"({"id":5})"}}, "parsing v2s1 history entry 1: \"id\" is not a string"},
      {{On(2, 1, R"(,"created":"yesterday")"), Base(1)}, "is not of RFC 3339"},
      {{On(2, 1, R"(,"container_config":{"Cmd":"x"})"), Base(1)}, "\"Cmd\" is not an array"},
      // What two readers may read in two ways.
      {{On(2, 1, R"(,"ID":"x")"), Base(1)}, "\"id\" in case alone"},
      {{On(2, 1, R"(,"Throwaway":true)"), Base(1)}, "\"throwaway\" in case alone"},
      {{On(2, 1, R"(,"parent":"x")"), Base(1)}, "duplicate key"},
  };
  for (const BadCase& c : cases) {
    EXPECT_THAT(Parse(c.layers).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.says)));
  }
}

TEST(Schema1Manifest, LayersAndHistoryHaveOneLength) {
  for (const char* text : {R"({"fsLayers":[],"history":[{}]})", R"({"history":[{}]})",
                           R"({"fsLayers":[{}],"history":null})"}) {
    EXPECT_THAT(ParseSchema1(*ParseStrictJson(text)).status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         "length of history not equal to number of layers"));
  }
  EXPECT_THAT(
      ParseSchema1(*ParseStrictJson(R"({"fsLayers":[{"blobSum":"sha256:xx"}],"history":[{}]})")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("invalid digest")));
}

TEST(Schema1Manifest, LayersHaveALimit) {
  std::vector<LayerCase> layers(kMaxLayers, Base(1));
  EXPECT_OK(Parse(layers).status());
  layers.push_back(Base(1));
  const absl::Status status = Parse(layers).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1001 layers")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace holkas
