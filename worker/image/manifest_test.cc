#include "worker/image/manifest.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
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

constexpr char kDigest[] =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

std::string Entry(absl::string_view media_type, absl::string_view more = "") {
  return absl::StrCat(R"({"mediaType":")", media_type, R"(","digest":")", kDigest, R"(","size":3)",
                      more, "}");
}

// `members` without a comma around.
std::string Json(absl::string_view members) {
  return absl::StrCat(R"({"schemaVersion":2,)", members, "}");
}

std::string TypeField(absl::string_view type) {
  return absl::StrCat(R"("mediaType":")", type, "\",");
}

std::string OciImageMembers() {
  return absl::StrCat(R"("config":)", Entry(kOciConfigType), R"(,"layers":[)",
                      Entry(kOciLayerGzipType), ",", Entry(kOciLayerType), "]");
}

std::string DockerImageMembers() {
  return absl::StrCat(R"("config":)", Entry(kDockerConfigType), R"(,"layers":[)",
                      Entry(kDockerLayerGzipType), "]");
}

std::string IndexMembers() {
  return absl::StrCat(
      R"("manifests":[)",
      Entry(kOciManifestType, R"(,"platform":{"os":"linux","architecture":"arm","variant":"v7"})"),
      ",", Entry(kOciManifestType), "]");
}

constexpr char kId[] = "1111111111111111111111111111111111111111111111111111111111111111";

std::string Schema1Members() {
  return absl::StrCat(R"("name":"n","tag":"t","architecture":"arm","fsLayers":[{"blobSum":")",
                      kDigest, R"("}],"history":[{"v1Compatibility":"{\"id\":\")", kId,
                      R"(\"}"}])");
}

std::string Schema1Json(absl::string_view members) {
  return absl::StrCat(R"({"schemaVersion":1,)", members, "}");
}

// `manifest` with a signature that says that `payload` is signed: its first bytes are the
// manifest's.
std::string Signed(const std::string& manifest, const std::string& payload) {
  size_t common = 0;
  while (common < manifest.size() - 1 && common < payload.size() &&
         manifest[common] == payload[common]) {
    ++common;
  }
  std::string tail;
  absl::WebSafeBase64Escape(payload.substr(common), &tail);
  std::string header;
  absl::WebSafeBase64Escape(
      absl::StrCat(R"({"formatLength":)", common, R"(,"formatTail":")", tail, "\"}"), &header);
  return absl::StrCat(manifest.substr(0, manifest.size() - 1),
                      R"(,"signatures":[{"header":{"jwk":{"kty":"EC"},"alg":"ES256"},)",
                      R"("signature":"AAAA","protected":")", header, "\"}]}");
}

std::string Signed(const std::string& manifest) { return Signed(manifest, manifest); }

absl::StatusOr<Manifest> Parse(const std::string& bytes, absl::string_view media_type = "") {
  return Manifest::Parse({bytes, Digest::Sha256Of(bytes), std::string(media_type)});
}

void ExpectInvalid(const std::string& bytes, absl::string_view media_type,
                   const std::string& message) {
  absl::Status status = Parse(bytes, media_type).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(message))) << bytes;
  EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST") << bytes;
}

TEST(Manifest, ReadsAnOciImage) {
  std::string bytes = Json(OciImageMembers());
  ASSERT_OK_AND_ASSIGN(Manifest manifest, Parse(bytes, kOciManifestType));
  EXPECT_FALSE(manifest.is_index());
  EXPECT_EQ(manifest.bytes(), bytes);
  EXPECT_EQ(manifest.media_type(), kOciManifestType);
  EXPECT_EQ(manifest.image().config.media_type, kOciConfigType);
  ASSERT_EQ(manifest.image().layers.size(), 2u);
  EXPECT_EQ(manifest.image().layers[1].media_type, kOciLayerType);
  Descriptor descriptor = manifest.ToDescriptor();
  EXPECT_EQ(descriptor.digest, Digest::Sha256Of(bytes));
  EXPECT_EQ(descriptor.size_bytes, static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(descriptor.media_type, kOciManifestType);
}

TEST(Manifest, ReadsAnIndex) {
  ASSERT_OK_AND_ASSIGN(Manifest manifest, Parse(Json(IndexMembers()), kOciIndexType));
  ASSERT_TRUE(manifest.is_index());
  ASSERT_EQ(manifest.index().manifests.size(), 2u);
  EXPECT_EQ(manifest.index().manifests[0].platform->variant, "v7");
  EXPECT_FALSE(manifest.index().manifests[1].platform.has_value());
}

TEST(Manifest, MissingAndNullListsAreEmpty) {
  std::string config = absl::StrCat(R"("config":)", Entry(kOciConfigType));
  ASSERT_OK_AND_ASSIGN(Manifest image, Parse(Json(config), kOciManifestType));
  EXPECT_TRUE(image.image().layers.empty());
  ASSERT_OK_AND_ASSIGN(image, Parse(Json(config + R"(,"layers":null)"), kOciManifestType));
  EXPECT_TRUE(image.image().layers.empty());
  ASSERT_OK_AND_ASSIGN(Manifest index, Parse(Json(R"("manifests":null)"), kOciIndexType));
  EXPECT_TRUE(index.index().manifests.empty());
}

TEST(Manifest, SourceWithoutATypeLeavesItToTheContent) {
  for (absl::string_view unknown :
       {"", "text/plain", "application/json", "application/octet-stream"}) {
    EXPECT_EQ(Parse(Json(OciImageMembers()), unknown)->media_type(), kOciManifestType);
    EXPECT_EQ(Parse(Json(DockerImageMembers()), unknown)->media_type(), kDockerManifestType);
    EXPECT_EQ(Parse(Json(IndexMembers()), unknown)->media_type(), kOciIndexType);
    EXPECT_EQ(Parse(Json(TypeField(kDockerListType) + IndexMembers()), unknown)->media_type(),
              kDockerListType);
  }
}

TEST(Manifest, ParametersOfTheSourcesTypeArePassedOver) {
  EXPECT_EQ(
      Parse(Json(OciImageMembers()), "application/vnd.OCI.image.manifest.v1+json ; charset=utf-8")
          ->media_type(),
      kOciManifestType);
}

// What a manifest of the type holds, without its type.
std::string MembersOf(absl::string_view type) {
  if (type == kOciManifestType || type == kDockerManifestType) {
    return OciImageMembers();
  }
  return type == kOciIndexType || type == kDockerListType ? IndexMembers() : Schema1Members();
}

bool IsSchema1(absl::string_view type) {
  return type == kDockerSchema1Type || type == kDockerSchema1SignedType;
}

constexpr absl::string_view kTypes[] = {kOciManifestType,    kOciIndexType,
                                        kDockerManifestType, kDockerListType,
                                        kDockerSchema1Type,  kDockerSchema1SignedType};

TEST(Manifest, TypeInsideMustAgreeWithTheSource) {
  for (absl::string_view outside : kTypes) {
    for (absl::string_view inside : kTypes) {
      const std::string members = TypeField(inside) + MembersOf(inside);
      const std::string bytes = IsSchema1(inside) ? Schema1Json(members) : Json(members);
      if (outside == inside || (IsSchema1(outside) && IsSchema1(inside))) {
        EXPECT_OK(Parse(bytes, outside));
      } else {
        ExpectInvalid(bytes, outside, "the source says");
      }
    }
  }
}

TEST(Manifest, ContentMustAgreeWithTheSource) {
  for (absl::string_view outside : kTypes) {
    for (absl::string_view content : kTypes) {
      const std::string members = MembersOf(content);
      const std::string bytes = IsSchema1(content) ? Schema1Json(members) : Json(members);
      if (MembersOf(outside) == members) {
        EXPECT_OK(Parse(bytes, outside));
        EXPECT_OK(Parse(bytes));
      } else {
        EXPECT_THAT(Parse(bytes, outside).status(),
                    StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("parse manifest")))
            << outside << " " << content;
      }
    }
  }
}

// CVE-2021-41190: bytes that one tool reads as an image and another as an index.
TEST(Manifest, FieldsOfAnotherTypeAreRefusedInEveryCase) {
  struct Mix {
    absl::string_view type;
    std::string members;
    std::vector<std::string> foreign;
  };
  const Mix mixes[] = {
      {kOciManifestType, OciImageMembers(), {"manifests", "history", "fsLayers", "signatures"}},
      {kDockerManifestType, DockerImageMembers(), {"manifests", "history", "fsLayers"}},
      {kOciIndexType, IndexMembers(), {"config", "layers", "history", "fsLayers"}},
      {kDockerListType, IndexMembers(), {"config", "layers", "history", "fsLayers"}},
      {kDockerSchema1Type, Schema1Members(), {"config", "layers", "manifests"}},
  };
  for (const Mix& mix : mixes) {
    const auto json = IsSchema1(mix.type) ? Schema1Json : Json;
    for (const std::string& key : mix.foreign) {
      for (const char* value : {"[]", "null", "{}", "1"}) {
        std::string more = absl::StrCat(",\"", key, "\":", value);
        ExpectInvalid(json(mix.members + more), mix.type, "ambiguous: \"" + key + "\"");
        ExpectInvalid(json(TypeField(mix.type) + mix.members + more), "", "ambiguous");
      }
      std::string upper = absl::StrCat(",\"", absl::AsciiStrToUpper(key), "\":[]");
      ExpectInvalid(json(mix.members + upper), mix.type, "in case alone");
    }
  }
}

TEST(Manifest, KeysOfAnotherCaseAreRefused) {
  for (const char* key : {"schemaVersion", "mediaType", "config", "layers"}) {
    std::string bytes = Json(TypeField(kOciManifestType) + OciImageMembers());
    std::string upper = absl::StrReplaceAll(
        bytes,
        {{absl::StrCat("\"", key, "\""), absl::StrCat("\"", absl::AsciiStrToUpper(key), "\"")}});
    ExpectInvalid(upper, kOciManifestType, "in case alone");
  }
  ExpectInvalid(Json(OciImageMembers() + ",\"manife\xc5\xbfts\":[]"), kOciManifestType,
                "in case alone");
}

TEST(Manifest, DuplicateKeysAreRefused) {
  ExpectInvalid(Json(OciImageMembers() + R"(,"layers":[])"), kOciManifestType, "duplicate key");
  ExpectInvalid(Json(absl::StrCat(R"("config":)", Entry(kOciConfigType, R"(,"size":4)"))),
                kOciManifestType, "duplicate key");
}

TEST(Manifest, MalformedOnesAreRefused) {
  ExpectInvalid("", "", "invalid JSON");
  ExpectInvalid("[]", "", "not a JSON object");
  ExpectInvalid("{}", "", "\"schemaVersion\" is not 2");
  ExpectInvalid(R"({"schemaVersion":"2"})", "", "\"schemaVersion\" is not");
  ExpectInvalid(R"({"schemaVersion":3})", "", "\"schemaVersion\" is not 2");
  ExpectInvalid(R"({"schemaVersion":2})", kDockerSchema1Type, "\"schemaVersion\" is not 1");
  ExpectInvalid(Json(R"("layers":[])"), "", "neither an image manifest nor an index");
  ExpectInvalid(Json(R"("layers":[])"), kOciManifestType, "\"config\" is missing");
  ExpectInvalid(Json(R"("config":[])"), kOciManifestType, "config");
  ExpectInvalid(Json(R"("manifests":{})"), kOciIndexType, "\"manifests\" is not an array");
  ExpectInvalid(Json(R"("manifests":[1])"), kOciIndexType, "manifest 0");
  ExpectInvalid(Json(OciImageMembers() + R"(,"subject":{"digest":"x"})"), kOciManifestType,
                "subject");
  std::string negative =
      absl::StrReplaceAll(Json(OciImageMembers()), {{R"("size":3)", R"("size":-3)"}});
  ExpectInvalid(negative, kOciManifestType, "missing or negative");
  std::string traversal =
      absl::StrReplaceAll(Json(OciImageMembers()), {{kDigest, "sha256:../../x"}});
  ExpectInvalid(traversal, kOciManifestType, "invalid digest");
}

TEST(Manifest, ReadsSchema1) {
  for (absl::string_view type :
       {kDockerSchema1Type, kDockerSchema1SignedType, absl::string_view("text/plain")}) {
    ASSERT_OK_AND_ASSIGN(Manifest manifest, Parse(Schema1Json(Schema1Members()), type));
    EXPECT_TRUE(manifest.is_schema1());
    EXPECT_FALSE(manifest.is_index());
    // Whether it is signed is seen, whatever the source says.
    EXPECT_EQ(manifest.media_type(), kDockerSchema1Type);
    EXPECT_EQ(manifest.schema1().name, "n");
    EXPECT_EQ(manifest.schema1().top().digest.ToString(), kDigest);
    ASSERT_OK_AND_ASSIGN(manifest, Parse(Signed(Schema1Json(Schema1Members())), type));
    EXPECT_EQ(manifest.media_type(), kDockerSchema1SignedType);
  }
}

// What the digest is that of must be what is read.
TEST(Manifest, SignedPayloadMustSayTheSame) {
  const std::string manifest = Schema1Json(Schema1Members());
  EXPECT_OK(Parse(Signed(manifest)));
  for (const std::string& payload :
       {absl::StrReplaceAll(manifest, {{R"("t")", R"("u")"}}),
        absl::StrReplaceAll(manifest, {{"}]}", R"(}],"x":1})"}}),
        absl::StrReplaceAll(manifest, {{R"("schemaVersion":1,)", ""}}),
        absl::StrReplaceAll(manifest, {{R"("schemaVersion":1)", R"("schemaVersion":2)"}})}) {
    ASSERT_NE(payload, manifest);
    ExpectInvalid(Signed(manifest, payload), "", "ambiguous: what is signed differs");
  }
  ExpectInvalid(Signed(manifest, "x"), "", "payload: invalid JSON");
  ExpectInvalid(Schema1Json(Schema1Members() + R"(,"signatures":[])"), "", "payload");
  ExpectInvalid(Schema1Json(Schema1Members() + R"(,"signatures":{})"), "",
                "error unmarshalling signatures");
}

TEST(Manifest, ChainOfSchema1IsChecked) {
  ExpectInvalid(Schema1Json(R"("fsLayers":[],"history":[])"), kDockerSchema1Type,
                "no FSLayers in manifest");
  ExpectInvalid(Schema1Json(Schema1Members() + R"(,"Name":"x")"), "", "\"name\" in case alone");
}

TEST(Manifest, UnknownTypeInsideIsUnimplemented) {
  EXPECT_THAT(Parse(Json(TypeField("application/x") + OciImageMembers())),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("application/x")));
}

TEST(Manifest, ArtifactTypeIsKept) {
  ASSERT_OK_AND_ASSIGN(
      Manifest manifest,
      Parse(Json(OciImageMembers() + R"(,"artifactType":"a/b")"), kOciManifestType));
  EXPECT_EQ(manifest.image().artifact_type, "a/b");
}

TEST(Manifest, SizeHasALimit) {
  std::string members = OciImageMembers() + R"(,"x":")";
  std::string bytes = Json(members + "\"");
  bytes = Json(absl::StrCat(members, std::string(kMaxManifestBytes - bytes.size(), 'x'), "\""));
  ASSERT_EQ(bytes.size(), static_cast<size_t>(kMaxManifestBytes));
  EXPECT_OK(Parse(bytes, kOciManifestType));
  absl::Status status = Parse(bytes + " ", kOciManifestType).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("4194304")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

std::string Repeated(const std::string& item, size_t count) {
  std::string list = item;
  for (size_t i = 1; i < count; ++i) {
    absl::StrAppend(&list, ",", item);
  }
  return list;
}

TEST(Manifest, LayersHaveALimit) {
  auto with_layers = [](size_t count) {
    return Json(absl::StrCat(R"("config":)", Entry(kOciConfigType), R"(,"layers":[)",
                             Repeated(Entry(kOciLayerType), count), "]"));
  };
  EXPECT_OK(Parse(with_layers(kMaxLayers), kOciManifestType));
  EXPECT_THAT(Parse(with_layers(kMaxLayers + 1), kOciManifestType),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1001 layers")));
}

TEST(Manifest, IndexEntriesHaveALimit) {
  auto with_entries = [](size_t count) {
    return Json(absl::StrCat(R"("manifests":[)", Repeated(Entry(kOciManifestType), count), "]"));
  };
  EXPECT_OK(Parse(with_entries(kMaxIndexEntries), kOciIndexType));
  EXPECT_THAT(Parse(with_entries(kMaxIndexEntries + 1), kOciIndexType),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("10001 manifests")));
}

}  // namespace
}  // namespace holkas
