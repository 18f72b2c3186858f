#include "clients/cli/go_json.h"

#include "gtest/gtest.h"

namespace holkas {
namespace {

TEST(GoJsonString, EscapesAsGo) {
  EXPECT_EQ(GoJsonString("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(GoJsonString("<a&b>"), R"("\u003ca\u0026b\u003e")");
  EXPECT_EQ(GoJsonString("é\xe2\x80\xa8\xe2\x80\xa9/\x7f"), "\"é\\u2028\\u2029/\x7f\"");
  EXPECT_EQ(GoJsonString("\n\r\t\b\x1f"), R"("\n\r\t\u0008\u001f")");
  EXPECT_EQ(GoJsonString("x\xff"), "\"x\xef\xbf\xbd\"");
}

TEST(GoJsonWriter, IndentsByFourAndKeepsEmptyOnesClosed) {
  GoJsonWriter json;
  json.BeginObject();
  json.Key("Name");
  json.String("n");
  json.Key("Tags");
  json.Strings({});
  json.Key("Labels");
  json.StringMap({{"b", "2"}, {"a", "1"}});
  json.Key("Layers");
  json.BeginArray();
  json.BeginObject();
  json.Key("Size");
  json.Int(-7);
  json.Key("Annotations");
  json.Null();
  json.EndObject();
  json.EndArray();
  json.Key("None");
  json.StringMap({});
  json.EndObject();
  EXPECT_EQ(json.text(), R"({
    "Name": "n",
    "Tags": [],
    "Labels": {
        "a": "1",
        "b": "2"
    },
    "Layers": [
        {
            "Size": -7,
            "Annotations": null
        }
    ],
    "None": {}
})");
}

TEST(GoIndent, KeepsOrderAndNumbers) {
  EXPECT_EQ(GoIndent(R"({"b":1.50e3,"a":[true,null,{}],"c":[],"d":{"x":[[1],[2]]}})"),
            R"({
    "b": 1.50e3,
    "a": [
        true,
        null,
        {}
    ],
    "c": [],
    "d": {
        "x": [
            [
                1
            ],
            [
                2
            ]
        ]
    }
})");
}

TEST(GoIndent, EscapesStringsAnewAndIgnoresSpaces) {
  EXPECT_EQ(GoIndent(" { \"k<\" :\t[ \"\\u00e9\\/\\b{,:\" , \"\\ud83d\\udea2\\ud83d\" ] } \n"),
            "{\n    \"k\\u003c\": [\n        \"é/\\u0008{,:\",\n        "
            "\"🚢\xef\xbf\xbd\"\n    ]\n}");
}

TEST(GoIndent, BrokenTextDoesNoHarm) {
  EXPECT_EQ(GoIndent("]}"), "\n]\n}");
  EXPECT_EQ(GoIndent("{\"a"), "{\n    \"a\"");
  EXPECT_EQ(GoIndent("\"\\"), "\"\\\\\"");
  EXPECT_EQ(GoIndent(""), "");
}

}  // namespace
}  // namespace holkas
