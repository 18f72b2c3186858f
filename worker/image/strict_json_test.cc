#include "worker/image/strict_json.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

std::string Nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(StrictJson, KeepsOrderAndNumbers) {
  const char* text = R"({"b":1,"a":[null,true,false,"x",-0.5e3,18446744073709551615]})";
  ASSERT_OK_AND_ASSIGN(JsonValue value, ParseStrictJson(text));
  EXPECT_EQ(value.Write(), text);
}

TEST(StrictJson, DecodesStrings) {
  ASSERT_OK_AND_ASSIGN(JsonValue value, ParseStrictJson(R"(" \u00e9\ud83d\ude00\u0000\/ ")"));
  EXPECT_EQ(*value.string(), std::string(" \xc3\xa9\xf0\x9f\x98\x80\0/ ", 10));
}

class MalformedJson : public testing::TestWithParam<std::string> {};

TEST_P(MalformedJson, IsInvalidArgument) {
  EXPECT_THAT(ParseStrictJson(GetParam()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("invalid JSON")));
}

INSTANTIATE_TEST_SUITE_P(Forms, MalformedJson,
                         testing::Values("", " ", "{", "}", "[1,]", "{\"a\":1,}", "{'a':1}",
                                         "{a:1}", "[1 2]", "01", "+1", "1.", ".5", "1e", "- 1",
                                         "NaN", "Infinity", "nul", "True", "\"", "\"\t\"",
                                         "\"\\x41\"", "\"\\u12\"", "// c\n1", "/* c */1", "{} x",
                                         "{}{}", "1e999999", "{\"a\"}", "[,1]", "\"a\" \"b\""));

INSTANTIATE_TEST_SUITE_P(Encodings, MalformedJson,
                         testing::Values("\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"",
                                         "\"\\ud800\"", "\"\\udc00\\ud800\"", "\xef\xbb\xbf{}",
                                         std::string("{}\0", 3), std::string("{}\0{}", 5),
                                         std::string("{\0}", 3), "\xff\xfe{\0}\0"));

TEST(StrictJson, DuplicateKeyIsRefusedAtEveryLevel) {
  EXPECT_THAT(ParseStrictJson(R"({"a":1,"b":2,"a":1})"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("duplicate key \"a\"")));
  EXPECT_THAT(ParseStrictJson(R"([{"x":{"a\n":1,"a\u000a":2}}])"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("duplicate key \"a\\n\"")));
  EXPECT_OK(ParseStrictJson(R"({"a":{"a":1},"b":{"a":1}})"));
}

TEST(StrictJson, NestingHasALimit) {
  EXPECT_OK(ParseStrictJson(Nested(kMaxJsonDepth)));
  absl::Status status = ParseStrictJson(Nested(kMaxJsonDepth + 1)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("64 levels")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  EXPECT_THAT(ParseStrictJson(std::string(1000000, '[')),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(StrictJson, ValuesHaveALimit) {
  std::string text = "[0";
  for (size_t i = 2; i < kMaxJsonValues; ++i) {
    text += ",0";
  }
  EXPECT_OK(ParseStrictJson(text + "]"));
  EXPECT_THAT(ParseStrictJson(text + ",0]"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("300000 values")));
}

}  // namespace
}  // namespace holkas
