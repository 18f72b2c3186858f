#include "worker/image/descriptor_json.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr char kDigest[] =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

JsonValue Json(const std::string& text) { return *ParseStrictJson(text); }

TEST(DescriptorJson, ReadsAndWritesAllFields) {
  std::string text =
      absl::StrCat(R"({"mediaType":"t","digest":")", kDigest,
                   R"(","size":3,"urls":["http://x"],"annotations":{"a":"1","b":"2"}})");
  ASSERT_OK_AND_ASSIGN(Descriptor descriptor, ParseDescriptor(Json(text)));
  EXPECT_EQ(descriptor.media_type, "t");
  EXPECT_EQ(descriptor.digest.ToString(), kDigest);
  EXPECT_EQ(descriptor.size_bytes, 3);
  EXPECT_THAT(descriptor.urls, ElementsAre("http://x"));
  EXPECT_THAT(descriptor.annotations, ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_EQ(DescriptorToJson(descriptor).Write(), text);
}

TEST(DescriptorJson, LeavesOutWhatIsEmpty) {
  std::string text = absl::StrCat(R"({"digest":")", kDigest, R"(","size":0})");
  ASSERT_OK_AND_ASSIGN(Descriptor descriptor, ParseDescriptor(Json(text)));
  EXPECT_EQ(DescriptorToJson(descriptor).Write(), text);
}

class BadDescriptor : public testing::TestWithParam<std::string> {};

TEST_P(BadDescriptor, IsInvalidArgument) {
  EXPECT_THAT(ParseDescriptor(Json(GetParam())), StatusIs(absl::StatusCode::kInvalidArgument));
}

INSTANTIATE_TEST_SUITE_P(
    Forms, BadDescriptor,
    testing::Values("{}", "[]", R"({"digest":"sha256:../../x","size":1})",
                    absl::StrCat(R"({"digest":")", kDigest, R"("})"),
                    absl::StrCat(R"({"digest":")", kDigest, R"(","size":-1})"),
                    absl::StrCat(R"({"digest":")", kDigest, R"(","size":1.5})"),
                    absl::StrCat(R"({"digest":")", kDigest, R"(","size":"1"})"),
                    absl::StrCat(R"({"digest":")", kDigest, R"(","size":1,"Size":2})"),
                    absl::StrCat(R"({"digest":")", kDigest, R"(","size":1,"mediaType":1})"),
                    absl::StrCat(R"({"digest":")", kDigest, R"(","size":1,"annotations":{"a":1}})"),
                    absl::StrCat(R"({"digest":")", kDigest, R"(","size":1,"urls":"x"})")));

TEST(DescriptorJson, DigestOfAnotherAlgorithmIsUnimplemented) {
  EXPECT_THAT(ParseDescriptor(Json(R"({"digest":"blake3:00","size":1})")),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(DescriptorJson, PlatformIsOptional) {
  EXPECT_THAT(ParsePlatform(Json("{}")), IsOkAndHolds(testing::Eq(std::nullopt)));
  ASSERT_OK_AND_ASSIGN(
      std::optional<ImagePlatform> platform,
      ParsePlatform(Json(R"({"platform":{"os":"linux","architecture":"arm","variant":"v7"}})")));
  ASSERT_TRUE(platform.has_value());
  EXPECT_EQ(platform->os, "linux");
  EXPECT_EQ(platform->architecture, "arm");
  EXPECT_EQ(platform->variant, "v7");
  EXPECT_THAT(ParsePlatform(Json(R"({"platform":{"OS":"linux"}})")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("in case alone")));
}

}  // namespace
}  // namespace holkas
