#include "worker/image/json_value.h"

#include <string>

#include "gtest/gtest.h"

namespace holkas {
namespace {

std::string Written(const std::string& text) { return JsonValue(text).Write(); }

TEST(JsonValue, WritesMembersInTheOrderTheyWereAdded) {
  JsonValue value(JsonObject{{"b", JsonValue(int64_t{-1})},
                             {"a", JsonValue(JsonArray{JsonValue(), JsonValue(true)})},
                             {"c", JsonValue(JsonObject())}});
  EXPECT_EQ(value.Write(), R"({"b":-1,"a":[null,true],"c":{}})");
}

TEST(JsonValue, KeepsANumberAsItWasWritten) {
  EXPECT_EQ(JsonValue(JsonNumber{"1.50e+3"}).Write(), "1.50e+3");
}

TEST(JsonValue, EscapesAsGoDoes) {
  EXPECT_EQ(Written("\"\\/"), R"("\"\\/")");
  EXPECT_EQ(Written("<&>"), R"("\u003c\u0026\u003e")");
  EXPECT_EQ(Written("\n\r\t\b\f\x01\x1f"), R"("\n\r\t\u0008\u000c\u0001\u001f")");
  EXPECT_EQ(Written("\x7f"), "\"\x7f\"");
  EXPECT_EQ(Written("\xe2\x80\xa8\xe2\x80\xa9"), R"("\u2028\u2029")");
  EXPECT_EQ(Written("\xe2\x80\xa7\xe2\x82\xac"), "\"\xe2\x80\xa7\xe2\x82\xac\"");
  EXPECT_EQ(Written(std::string("a\0b", 3)), R"("a\u0000b")");
}

TEST(JsonValue, EscapesKeysToo) {
  EXPECT_EQ(JsonValue(JsonObject{{"<", JsonValue("")}}).Write(), R"({"\u003c":""})");
}

TEST(JsonValue, FindsMembersOfObjectsAlone) {
  JsonValue value(JsonObject{{"a", JsonValue("x")}});
  ASSERT_NE(value.Find("a"), nullptr);
  EXPECT_EQ(*value.Find("a")->string(), "x");
  EXPECT_EQ(value.Find("A"), nullptr);
  EXPECT_EQ(JsonValue("a").Find("a"), nullptr);
  EXPECT_EQ(value.array(), nullptr);
}

}  // namespace
}  // namespace holkas
