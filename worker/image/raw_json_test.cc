#include "worker/image/raw_json.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(RawJson, ValuesAreKeptAsTheyAreWritten) {
  EXPECT_THAT(ParseRawJsonObject(
                  " { \"b\\u0062\" : 1.50e3 ,\"a\":[1, {\"}\":\"]\\\"\\\\\"} ],\n\"c\":null}"),
              IsOkAndHolds(ElementsAre(Pair("a", "[1, {\"}\":\"]\\\"\\\\\"} ]"),
                                       Pair("bb", "1.50e3"), Pair("c", "null"))));
  EXPECT_THAT(ParseRawJsonObject("{ }"), IsOkAndHolds(ElementsAre()));
}

TEST(RawJson, IsWrittenAsGoWritesRawMessages) {
  ASSERT_OK_AND_ASSIGN(
      const RawJsonObject object,
      ParseRawJsonObject("{\"x<y\": \"a<b\\u00e9\xc3\xa9&  \\/\\\\\", \"num\": 1.50e3,\n"
                         "\"l\": [ 1 , \" \\\" \" ], \"s\": \"\xe2\x80\xa8\"}"));
  EXPECT_EQ(WriteRawJsonObject(object),
            "{\"l\":[1,\" \\\" \"],\"num\":1.50e3,\"s\":\"\\u2028\","
            "\"x\\u003cy\":\"a\\u003cb\\u00e9\xc3\xa9\\u0026  \\/\\\\\"}");
}

TEST(RawJson, WhatIsNoStrictObjectIsRefused) {
  for (const std::string text : {"[]", "", "{\"a\":1,\"a\":2}", "{\"a\":1} x", "{\"a\"", "1"}) {
    EXPECT_THAT(ParseRawJsonObject(text).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("JSON")))
        << text;
  }
}

}  // namespace
}  // namespace holkas
