#include "worker/image/json_fields.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::Pair;

JsonValue Json(const std::string& text) { return *ParseStrictJson(text); }

TEST(JsonFields, WhatIsMissingIsAsNull) {
  for (const JsonValue& object : {Json("{}"), Json(R"({"a":null})")}) {
    EXPECT_THAT(FindString(object, "a"), IsOkAndHolds(std::nullopt));
    EXPECT_THAT(GetString(object, "a"), IsOkAndHolds(""));
    EXPECT_THAT(FindInt64(object, "a"), IsOkAndHolds(std::nullopt));
    EXPECT_THAT(GetBool(object, "a"), IsOkAndHolds(false));
    EXPECT_THAT(FindObject(object, "a"), IsOkAndHolds(nullptr));
    EXPECT_THAT(FindArray(object, "a"), IsOkAndHolds(nullptr));
    EXPECT_THAT(FindStrings(object, "a"), IsOkAndHolds(std::nullopt));
    EXPECT_THAT(FindStringMap(object, "a"), IsOkAndHolds(std::nullopt));
  }
}

TEST(JsonFields, WrongTypesAreNamed) {
  JsonValue object = Json(R"({"s":"x","n":1,"f":1.0,"e":2e0,"big":9223372036854775808,"l":[1]})");
  auto is_wrong = [](const char* key) {
    return StatusIs(absl::StatusCode::kInvalidArgument,
                    HasSubstr("\"" + std::string(key) + "\" is not"));
  };
  EXPECT_THAT(FindString(object, "n"), is_wrong("n"));
  EXPECT_THAT(FindInt64(object, "s"), is_wrong("s"));
  EXPECT_THAT(FindInt64(object, "f"), is_wrong("f"));
  EXPECT_THAT(FindInt64(object, "e"), is_wrong("e"));
  EXPECT_THAT(FindInt64(object, "big"), is_wrong("big"));
  EXPECT_THAT(GetBool(object, "n"), is_wrong("n"));
  EXPECT_THAT(FindObject(object, "l"), is_wrong("l"));
  EXPECT_THAT(FindArray(object, "s"), is_wrong("s"));
  EXPECT_THAT(FindStrings(object, "l"), is_wrong("l"));
}

TEST(JsonFields, NullInListsAndMapsIsEmpty) {
  JsonValue object = Json(R"({"l":["x",null],"m":{"b":null,"a":"1"}})");
  EXPECT_THAT(FindStrings(object, "l"), IsOkAndHolds(Optional(ElementsAre("x", ""))));
  EXPECT_THAT(FindStringMap(object, "m"),
              IsOkAndHolds(Optional(ElementsAre(Pair("a", "1"), Pair("b", "")))));
}

TEST(JsonFields, KeyThatDiffersInCaseAloneIsRefused) {
  constexpr absl::string_view kKnown[] = {"manifests", "key"};
  EXPECT_OK(CheckKeyCase(Json(R"({"manifests":1,"other":2,"Other":3})"), kKnown));
  // The long s and the Kelvin sign are a case of s and k for Go.
  for (const char* text : {R"({"Manifests":1})", R"({"MANIFESTS":1})", R"({"manifestſ":1})",
                           R"({"key":1,"Key":1})", R"({"\u212aey":1})"}) {
    EXPECT_THAT(CheckKeyCase(Json(text), kKnown),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("in case alone")))
        << text;
  }
  EXPECT_THAT(CheckKeyCase(Json("[]"), kKnown),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a JSON object")));
}

}  // namespace
}  // namespace holkas
