#include "worker/transports/oci/layout_index.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

Descriptor Image(const std::string& content, absl::string_view type = kOciManifestType) {
  return {
      std::string(type), Digest::Sha256Of(content), static_cast<int64_t>(content.size()), {}, {}};
}

broker::OciImage Named(const std::string& name) {
  broker::OciImage image;
  image.set_reference(name);
  return image;
}

broker::OciImage At(uint32_t index) {
  broker::OciImage image;
  image.set_index(index);
  image.set_has_index(true);
  return image;
}

std::string Entry(const Descriptor& image, const std::string& name) {
  std::string annotations =
      name.empty()
          ? ""
          : absl::StrCat(R"(,"annotations":{"org.opencontainers.image.ref.name":")", name, "\"}");
  return absl::StrCat(R"({"mediaType":")", image.media_type, R"(","digest":")",
                      image.digest.ToString(), R"(","size":)", image.size_bytes, annotations, "}");
}

std::string Index(const std::string& entries) {
  return absl::StrCat(R"({"schemaVersion":2,"manifests":[)", entries, "]}");
}

TEST(LayoutIndex, WritesWhatSkopeoWrites) {
  LayoutIndex index;
  EXPECT_EQ(index.Write(), Index(""));
  index.Add(Image("a"), "one");
  index.Add(Image("a"), "two");
  index.Add(Image("a"), "");
  EXPECT_EQ(index.Write(),
            Index(absl::StrCat(Entry(Image("a"), "one"), ",", Entry(Image("a"), "two"), ",",
                               Entry(Image("a"), ""))));
}

TEST(LayoutIndex, ANameMovesToTheNewImage) {
  LayoutIndex index;
  index.Add(Image("old"), "t");
  index.Add(Image("new"), "t");
  EXPECT_EQ(index.Write(),
            Index(absl::StrCat(Entry(Image("old"), ""), ",", Entry(Image("new"), "t"))));
  ASSERT_OK_AND_ASSIGN(Descriptor chosen, index.Choose(Named("t")));
  EXPECT_EQ(chosen.digest, Digest::Sha256Of("new"));
}

TEST(LayoutIndex, AnEntryIsRemovedWhereItWasFoundAndOthersStayAsTheyWere) {
  const std::string one = Entry(Image("a"), "one");
  const std::string two = Entry(Image("b"), "two");
  const std::string odd = two.substr(0, two.size() - 1) + R"(,"x":[1.50,{"y":null}]})";
  ASSERT_OK_AND_ASSIGN(LayoutIndex index,
                       LayoutIndex::Parse(Index(absl::StrCat(one, ",", odd, ",", one))));
  ASSERT_OK_AND_ASSIGN(LayoutIndex::Found found, index.Find(At(2)));
  EXPECT_EQ(found.position, 2u);
  ASSERT_OK_AND_ASSIGN(found, index.Find(Named("one")));
  EXPECT_EQ(found.position, 0u);
  EXPECT_EQ(found.manifest.digest, Digest::Sha256Of("a"));
  index.Remove(found.position);
  EXPECT_EQ(index.Write(), Index(absl::StrCat(odd, ",", one)));
}

TEST(LayoutIndex, EntriesAreAllThatIsListedAndMustBeImages) {
  LayoutIndex index;
  index.Add(Image("a"), "one");
  index.Add(Image("b", kOciIndexType), "");
  ASSERT_OK_AND_ASSIGN(std::vector<Descriptor> entries, index.Entries());
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].digest, Digest::Sha256Of("a"));
  EXPECT_EQ(entries[1].media_type, kOciIndexType);
  index.Add(Image("c", "application/x\n"), "");
  const absl::Status status = index.Entries().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                               R"(unsupported mediaType in index: "application/x\n")"));
  EXPECT_EQ(ErrorReason(status), "MEDIA_TYPE_UNSUPPORTED");
}

TEST(LayoutIndex, TheSameImageAgainChangesNothing) {
  LayoutIndex index;
  index.Add(Image("a"), "t");
  std::string before = index.Write();
  index.Add(Image("a"), "t");
  EXPECT_EQ(index.Write(), before);
}

TEST(LayoutIndex, AnEntryWithoutNameForTheSameImageIsReplaced) {
  LayoutIndex index;
  index.Add(Image("a"), "");
  index.Add(Image("b"), "");
  index.Add(Image("a"), "t");
  EXPECT_EQ(index.Write(), Index(absl::StrCat(Entry(Image("a"), "t"), ",", Entry(Image("b"), ""))));
}

TEST(LayoutIndex, KeepsWhatOtherToolsWrote) {
  std::string text = absl::StrCat(
      R"({"x":[1.50,null],"schemaVersion":2,"manifests":[{"size":1,"digest":"sha256:nonsense",)",
      R"("annotations":{"k":"v","org.opencontainers.image.ref.name":"t"},"y":{"z":1}}],)",
      R"("annotations":{"a":"b"}})");
  ASSERT_OK_AND_ASSIGN(LayoutIndex index, LayoutIndex::Parse(text));
  EXPECT_EQ(index.Write(), text);
  index.Add(Image("a"), "t");
  EXPECT_EQ(index.Write(),
            absl::StrCat(R"({"x":[1.50,null],"schemaVersion":2,"manifests":[{"size":1,)",
                         R"("digest":"sha256:nonsense","annotations":{"k":"v"},"y":{"z":1}},)",
                         Entry(Image("a"), "t"), R"(],"annotations":{"a":"b"}})"));
}

TEST(LayoutIndex, MissingAndNullListsAreEmpty) {
  for (const char* text : {R"({"schemaVersion":2})", R"({"schemaVersion":2,"manifests":null})"}) {
    ASSERT_OK_AND_ASSIGN(LayoutIndex index, LayoutIndex::Parse(text));
    index.Add(Image("a"), "");
    EXPECT_OK(index.Choose(At(0)));
  }
}

TEST(LayoutIndex, ChoosesByNamePositionOrBeingAlone) {
  LayoutIndex index;
  index.Add(Image("a"), "one");
  EXPECT_EQ(index.Choose(Named(""))->digest, Digest::Sha256Of("a"));
  index.Add(Image("bc", kOciIndexType), "two");
  EXPECT_EQ(index.Choose(Named("two"))->digest, Digest::Sha256Of("bc"));
  EXPECT_EQ(index.Choose(Named("two"))->media_type, kOciIndexType);
  EXPECT_EQ(index.Choose(Named("two"))->size_bytes, 2);
  EXPECT_EQ(index.Choose(At(0))->digest, Digest::Sha256Of("a"));
  EXPECT_EQ(index.Choose(At(1))->digest, Digest::Sha256Of("bc"));
}

TEST(LayoutIndex, WhatIsNotThereIsNotFoundWithSkopeosText) {
  LayoutIndex index;
  index.Add(Image("a"), "one");
  index.Add(Image("b"), "two");
  absl::Status status = index.Choose(Named("three")).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kNotFound, "no descriptor found for reference \"three\""));
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_THAT(index.Choose(At(2)), StatusIs(absl::StatusCode::kNotFound,
                                            "index 2 is too large, only 2 entries available"));
  EXPECT_THAT(LayoutIndex().Choose(Named("")), StatusIs(absl::StatusCode::kNotFound));
}

TEST(LayoutIndex, SeveralImagesWantAChoice) {
  LayoutIndex index;
  index.Add(Image("a"), "one");
  index.Add(Image("b"), "two");
  EXPECT_THAT(index.Choose(Named("")), StatusIs(absl::StatusCode::kInvalidArgument,
                                                "more than one image in oci, choose an image"));
}

TEST(LayoutIndex, ANameOfSomethingElseIsUnsupported) {
  LayoutIndex index;
  index.Add(Image("a", "application/x"), "t");
  absl::Status status = index.Choose(Named("t")).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                               HasSubstr("matches unsupported manifest MIME types")));
  EXPECT_EQ(ErrorReason(status), "MEDIA_TYPE_UNSUPPORTED");
}

TEST(LayoutIndex, DigestThatWouldLeaveTheLayoutIsRefused) {
  ASSERT_OK_AND_ASSIGN(
      LayoutIndex index,
      LayoutIndex::Parse(Index(R"({"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
                               R"("digest":"sha256:../../../etc/passwd","size":1})")));
  EXPECT_THAT(index.Choose(Named("")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("invalid digest")));
}

class BadIndex : public testing::TestWithParam<std::string> {};

TEST_P(BadIndex, IsInvalid) {
  absl::Status status = LayoutIndex::Parse(GetParam()).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("parse index.json: ")));
  EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST");
}

INSTANTIATE_TEST_SUITE_P(
    Forms, BadIndex,
    testing::Values("", "[]", "{}", R"({"schemaVersion":1})",
                    R"({"schemaVersion":2,"manifests":{}})",
                    R"({"schemaVersion":2,"manifests":[1]})",
                    R"({"schemaVersion":2,"manifests":[],"Manifests":[]})",
                    R"({"schemaVersion":2,"manifests":[],"manifests":[]})",
                    R"({"schemaVersion":2,"mediaType":"x","manifests":[]})",
                    R"({"schemaVersion":2,"manifests":[{"annotations":[]}]})",
                    R"({"schemaVersion":2,"manifests":[{"annotations":{"a":1}}]})",
                    R"({"schemaVersion":2,"manifests":[{"Digest":"x"}]})"));

}  // namespace
}  // namespace holkas
