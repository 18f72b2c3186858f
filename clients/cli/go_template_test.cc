#include "clients/cli/go_template.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// {Os: "linux", Size: 3, Flag: false, Layers: ["one", "two"], Labels: {a: "<", b: "1"}, None: nil,
// Inner: {Name: "in"}, Digest: "sha256:abc", Created: a time}
GoValue Data() {
  GoValue::Map labels;
  labels.entries = {{"a", GoValue(std::string("<"))}, {"b", GoValue(std::string("1"))}};
  GoValue::Struct inner;
  inner.fields.push_back({"Name", "name", GoValue(std::string("in")), true});
  inner.fields.push_back({"Empty", "empty", GoValue(std::string()), true});
  GoValue::Struct data;
  data.fields.push_back({"Os", "Os", GoValue(std::string("linux"))});
  data.fields.push_back({"Size", "Size", GoValue(int64_t{3})});
  data.fields.push_back({"Flag", "Flag", GoValue(false)});
  data.fields.push_back({"Layers", "Layers", GoValue::Strings({"one", "two"})});
  data.fields.push_back({"Empty", "Empty", GoValue::Strings({})});
  data.fields.push_back({"Labels", "Labels", GoValue(labels)});
  data.fields.push_back({"None", "None", GoValue()});
  data.fields.push_back({"Inner", "Inner", GoValue(inner)});
  data.fields.push_back({"Digest", "Digest", GoValue(GoValue::Digest{"sha256:abc"})});
  data.fields.push_back(
      {"Created", "Created", GoValue(*GoTime::Parse("2020-01-02T03:04:05.12+05:30"))});
  return GoValue(data);
}

struct TemplateCase {
  std::string text;
  std::string output;
};

class GoTemplate : public testing::TestWithParam<TemplateCase> {};

TEST_P(GoTemplate, PrintsWhatGoPrints) {
  EXPECT_THAT(ExecuteGoTemplate(GetParam().text, Data()), IsOkAndHolds(GetParam().output));
}

INSTANTIATE_TEST_SUITE_P(
    Values, GoTemplate,
    testing::Values(
        TemplateCase{"", ""}, TemplateCase{"no action }} { }", "no action }} { }"},
        TemplateCase{"a {{.Os}} b", "a linux b"}, TemplateCase{"{{ .Size }}", "3"},
        TemplateCase{"{{.Layers}} {{.Empty}} {{.Labels}}", "[one two] [] map[a:< b:1]"},
        TemplateCase{"{{.None}} {{.Flag}}", "<nil> false"},
        TemplateCase{"{{.Inner}} {{.Inner.Name}} {{$.Inner.Name}}", "{in } in in"},
        TemplateCase{"{{.Labels.a}} {{.Labels.zz}}", "< <no value>"},
        TemplateCase{"{{.Digest}} {{.Digest.Hex}} {{.Digest.Encoded}} {{.Digest.Algorithm}}",
                     "sha256:abc abc abc sha256"},
        TemplateCase{"{{.Created}}", "2020-01-02 03:04:05.12 +0530 +0530"},
        TemplateCase{"{{.Created.Year}} {{.Created.Month}} {{.Created.Unix}} {{.Created.UTC}}",
                     "2020 January 1577914445 2020-01-01 21:34:05.12 +0000 UTC"},
        TemplateCase{"{{\"a\\n\\u00e9\"}}{{`r\\n`}}{{1}}{{0x10}}{{-3}}{{true}}",
                     "a\n\xc3\xa9r\\n116-3true"}));

INSTANTIATE_TEST_SUITE_P(Blanks, GoTemplate,
                         testing::Values(TemplateCase{"x \n {{- .Os -}} \t y", "xlinuxy"},
                                         TemplateCase{"x {{/* } {{ */}} y", "x  y"},
                                         TemplateCase{"x {{- /* c */ -}} y", "xy"},
                                         TemplateCase{"{{.Size -}} {{- .Size}}", "33"},
                                         TemplateCase{"{{\"}}\"}}", "}}"},
                                         TemplateCase{"{{`}}`}}", "}}"},
                                         TemplateCase{"{{\n.Os\n}}", "linux"}));

INSTANTIATE_TEST_SUITE_P(
    Control, GoTemplate,
    testing::Values(
        TemplateCase{"{{if .Layers}}y{{else}}n{{end}}{{if .Empty}}y{{else}}n{{end}}", "yn"},
        TemplateCase{"{{if .None}}1{{else if eq .Os \"x\"}}2{{else if true}}3{{else}}4{{end}}",
                     "3"},
        TemplateCase{"{{with .Inner}}{{.Name}}{{$.Os}}{{end}}{{with .None}}{{else}}n{{end}}",
                     "inlinuxn"},
        TemplateCase{"{{with $x := .Os}}{{$x}}{{end}}", "linux"},
        TemplateCase{"{{range .Layers}}<{{.}}>{{end}}{{range .Empty}}x{{else}}none{{end}}",
                     "<one><two>none"},
        TemplateCase{"{{range $l := .Layers}}{{$l}}{{end}}", "onetwo"},
        TemplateCase{"{{range $i, $l := .Layers}}{{$i}}={{$l}} {{end}}", "0=one 1=two "},
        TemplateCase{"{{range $k, $v := .Labels}}{{$k}}:{{$v}} {{end}}", "a:< b:1 "},
        TemplateCase{"{{range .Layers}}{{.}}{{break}}{{end}}", "one"},
        TemplateCase{"{{range .Layers}}{{if eq . \"one\"}}{{continue}}{{end}}{{.}}{{end}}", "two"},
        TemplateCase{"{{$a := 1}}{{if true}}{{$a = 2}}{{end}}{{$a}}", "2"},
        TemplateCase{"{{$a := 1}}{{if true}}{{$a := 2}}{{end}}{{$a}}", "1"}));

INSTANTIATE_TEST_SUITE_P(
    Functions, GoTemplate,
    testing::Values(
        TemplateCase{"{{len .Layers}} {{len .Os}} {{len .Labels}}", "2 5 2"},
        TemplateCase{"{{index .Layers 1}} {{index .Labels \"a\"}}|{{index .Labels \"z\"}}|",
                     "two <||"},
        TemplateCase{"{{slice .Os 1 3}} {{slice .Layers 1}}", "in [two]"},
        TemplateCase{"{{eq .Os \"linux\"}} {{eq 2 1 2}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} "
                     "{{gt \"b\" \"a\"}} {{ge 1 2}} {{eq .Digest \"sha256:abc\"}}",
                     "true true true true true true false true"},
        TemplateCase{"{{and 1 0 2}} {{or 0 \"\" 3}} {{not .Empty}}", "0 3 true"},
        TemplateCase{"{{.Os | printf \"%s-%s\" \"b\"}} {{.Layers | len | printf \"%03d\"}}",
                     "b-linux 002"},
        TemplateCase{"{{(index .Layers 0)}} {{len (slice .Layers 1)}}", "one 1"},
        TemplateCase{"{{print 1 2}} {{print \"a\" 1 \"b\" 2 3}} {{println 1 \"a\"}}",
                     "1 2 a1b2 3 1 a\n"},
        TemplateCase{"{{html \"<a>&'\\\"\"}} {{js \"'<\"}} {{urlquery \"a/b?c=d&e f~\"}}",
                     "&lt;a&gt;&amp;&#39;&#34; \\'\\u003C a%2Fb%3Fc%3Dd%26e+f~"},
        TemplateCase{"{{join .Layers \", \"}} {{upper .Os}} {{lower \"ABC\"}} {{title \"a b'c\"}}",
                     "one, two LINUX abc A B'c"},
        TemplateCase{"[{{pad \"a\" 2 1}}] [{{pad \"\" 2 1}}] {{split \"a,b\" \",\"}} "
                     "{{split \"ab\" \"\"}} {{truncate .Os 3}} {{truncate .Os 30}}",
                     "[  a ] [] [a b] [a b] lin linux"},
        TemplateCase{"{{json .Labels}} {{json .Layers}} {{json .None}} {{json .Inner}} "
                     "{{json .Created}}",
                     R"({"a":"<","b":"1"} ["one","two"] null {"name":"in"} )"
                     R"("2020-01-02T03:04:05.12+05:30")"},
        TemplateCase{"{{json \"\\\\u003c\"}}", R"("\\u003c")"}));

// What Go 1.19 prints.
INSTANTIATE_TEST_SUITE_P(
    Printf, GoTemplate,
    testing::Values(
        TemplateCase{
            "{{printf \"%5s|%-5s|%05d|%x|%X|%q|%v|%t\" \"a\" \"b\" 3 \"hi\" 255 \"q\" .Layers "
            "true}}",
            "    a|b    |00003|6869|FF|\"q\"|[one two]|true"},
        TemplateCase{"{{printf \"%s %q\" .Layers .Layers}}", "[one two] [\"one\" \"two\"]"},
        TemplateCase{"{{printf \"%d %d\" 1}}", "1 %!d(MISSING)"},
        TemplateCase{"{{printf \"%d\" 1 2}}", "1%!(EXTRA int=2)"},
        TemplateCase{"{{printf \"%z %d 100%%\" \"z\" \"s\"}}", "%!z(string=z) %!d(string=s) 100%"},
        TemplateCase{"{{printf \"%d\" -5}} {{printf \"%04d\" -5}} {{printf \"%x\" -255}}",
                     "-5 -005 -ff"},
        TemplateCase{"{{printf \"%\"}} {{printf \"%s\" nil}}", "%!(NOVERB) %!s(<nil>)"}));

struct BadCase {
  std::string text;
  std::string says;
};

TEST(GoTemplateErrors, SayWhatIsWrong) {
  for (const BadCase& c : {
           BadCase{"{{.Foo}}", "can't evaluate field Foo in type struct"},
           BadCase{"{{.Os.Foo}}", "can't evaluate field Foo in type string"},
           BadCase{"{{.Layers.Foo}}", "can't evaluate field Foo in type []string"},
           BadCase{"{{.None.Foo}}", "nil pointer evaluating Foo"},
           BadCase{"{{bogus .Os}}", "function \"bogus\" not defined"},
           BadCase{"{{", "unclosed action"},
           BadCase{"{{.Os}", "unclosed action"},
           BadCase{"{{}}", "missing value for command"},
           BadCase{"{{.Os |}}", "missing value for command"},
           BadCase{"{{if .Os}}", "unexpected EOF"},
           BadCase{"{{if .Os}}{{else}}", "unexpected EOF"},
           BadCase{"{{if}}{{end}}", "missing value for command"},
           BadCase{"{{end}}", "unexpected {{end}}"},
           BadCase{"{{else}}", "unexpected {{else}}"},
           BadCase{"{{end x}}{{end}}", "unexpected <x> in end"},
           BadCase{"{{if 1}}{{else}}{{else}}{{end}}", "expected end; found {{else}}"},
           BadCase{"{{if 1}}{{else with 2}}{{end}}", "unexpected <with 2> in else"},
           BadCase{"{{break}}", "{{break}} outside {{range}}"},
           BadCase{"{{define \"x\"}}{{end}}", "{{define}} is not supported"},
           BadCase{"{{template \"x\"}}", "{{template}} is not supported"},
           BadCase{"{{call .Os}}", "function \"call\" not defined"},
           BadCase{"{{range .Os}}{{end}}", "range can't iterate over linux"},
           BadCase{"{{range 3}}{{end}}", "range can't iterate over 3"},
           BadCase{"{{$x}}", "undefined variable \"$x\""},
           BadCase{"{{$x = 1}}", "undefined variable \"$x\""},
           BadCase{"{{$x, $y := 1}}", "too many declarations in command"},
           BadCase{"{{range $x, $y, $z := .Layers}}{{end}}", "too many declarations in range"},
           BadCase{"{{.Os = 1}}", "unexpected <=> in command"},
           BadCase{"{{nil}}", "nil is not a command"},
           BadCase{"{{1.5}}", "bad number syntax: \"1.5\""},
           BadCase{"{{\"x}}", "unterminated quoted string"},
           BadCase{"{{/* x}}", "unclosed comment"},
           BadCase{"{{/* x */ y}}", "comment ends before closing delimiter"},
           BadCase{"{{(len .Os}}", "unclosed left paren"},
           BadCase{"{{.Os)}}", "unexpected <)> in command"},
           BadCase{"{{.Os ? 1}}", "unexpected \"?\" in command"},
           BadCase{"{{.Os \"x\"}}", "Os has arguments but cannot be invoked as function"},
           BadCase{"{{1 2}}", "can't give argument to non-function 1"},
           BadCase{"{{len}}", "wrong number of args for len: want 1 got 0"},
           BadCase{"{{printf}}", "wrong number of args for printf: want at least 1 got 0"},
           BadCase{"{{len 3}}", "error calling len: len of type int"},
           BadCase{"{{index .Layers 9}}", "error calling index: index out of range: 9"},
           BadCase{"{{index .Layers -1}}", "error calling index: index out of range: -1"},
           BadCase{"{{slice .Os 3 2}}", "error calling slice: invalid slice index: 3 > 2"},
           BadCase{"{{eq .Os 1}}", "error calling eq: incompatible types for comparison"},
           BadCase{"{{eq .Labels .Labels}}",
                   "error calling eq: non-comparable type map[a:< b:1]: map[string]string"},
           BadCase{"{{upper .Layers}}", "expected string; got []string"},
           BadCase{"{{join .Os \",\"}}", "expected []string; got string"},
           BadCase{"{{pad .Os -1 0}}", "a count is not between 0 and 10000"},
           BadCase{"{{truncate .Os -1}}", "slice bounds out of range: -1"},
       }) {
    EXPECT_THAT(ExecuteGoTemplate(c.text, Data()).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.says)))
        << c.text;
  }
}

TEST(GoTemplateErrors, DepthHasALimit) {
  auto nested = [](int depth, const std::string& begin, const std::string& end) {
    std::string text = "1";
    for (int i = 0; i < depth; ++i) {
      text = absl::StrCat(begin, text, end);
    }
    return text;
  };
  const std::string parens = absl::StrCat("{{", nested(90, "(", ")"), "}}");
  EXPECT_THAT(ExecuteGoTemplate(parens, Data()), IsOkAndHolds("1"));
  EXPECT_THAT(ExecuteGoTemplate(nested(90, "{{if 1}}", "{{end}}"), Data()), IsOkAndHolds("1"));
  const absl::Status too_deep =
      ExecuteGoTemplate(absl::StrCat("{{", nested(5000, "(", ")"), "}}"), Data()).status();
  EXPECT_THAT(too_deep, StatusIs(absl::StatusCode::kInvalidArgument, "more than 100 levels"));
  EXPECT_THAT(ExecuteGoTemplate(nested(5000, "{{if 1}}", "{{end}}"), Data()).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, "more than 100 levels"));
  std::string chain = "{{if 0}}";
  for (int i = 0; i < 5000; ++i) {
    chain += "{{else if 0}}";
  }
  EXPECT_THAT(ExecuteGoTemplate(chain + "{{end}}", Data()).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, "more than 100 levels"));
}

}  // namespace
}  // namespace holkas
