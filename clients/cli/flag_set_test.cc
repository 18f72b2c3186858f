#include "clients/cli/flag_set.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

FlagSet Flags() {
  return FlagSet({
      {"all", 'a', FlagType::kBool, "", "everything"},
      {"quiet", 'q', FlagType::kBool, "", "say nothing"},
      {"file", 'f', FlagType::kString, "PATH", "a file"},
      {"times", '\0', FlagType::kInt, "", "how often"},
      {"copies", '\0', FlagType::kUint, "", "how many"},
      {"tag", '\0', FlagType::kStrings, "", "a tag"},
      {"wait", '\0', FlagType::kDuration, "", "how long"},
      {"secret", '\0', FlagType::kBool, "", "not shown", FlagUse::kHidden, "all"},
      {"sign-by", 's', FlagType::kString, "KEY", "sign", FlagUse::kNotBuilt},
  });
}

absl::Status ParseError(const std::vector<std::string>& args) {
  return Flags().Parse(args, /*interspersed=*/true).status();
}

TEST(FlagSet, TakesValuesInEveryForm) {
  FlagSet flags = Flags();
  ASSERT_OK_AND_ASSIGN(auto arguments,
                       flags.Parse({"--file=a=b", "x", "--times", "3", "--wait=1m", "-aq", "y"},
                                   /*interspersed=*/true));
  EXPECT_THAT(arguments, ElementsAre("x", "y"));
  EXPECT_EQ(flags.String("file"), "a=b");
  EXPECT_EQ(flags.Int("times"), 3);
  EXPECT_EQ(flags.Duration("wait"), absl::Minutes(1));
  EXPECT_TRUE(flags.Bool("all"));
  EXPECT_TRUE(flags.Bool("quiet"));
}

TEST(FlagSet, ListsGrowWithEachFlagAndComma) {
  FlagSet flags = Flags();
  ASSERT_OK(flags.Parse({"--tag", "a:1,b:2", "--tag=c"}, /*interspersed=*/true).status());
  EXPECT_THAT(flags.Strings("tag"), ElementsAre("a:1", "b:2", "c"));
  EXPECT_THAT(Flags().Strings("tag"), IsEmpty());
}

TEST(FlagSet, ShortFlagsTakeTheRestOrTheNextArgument) {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"-af=v"}, {"-afv"}, {"-af", "v"}}) {
    FlagSet flags = Flags();
    ASSERT_OK_AND_ASSIGN(auto arguments, flags.Parse(args, /*interspersed=*/true));
    EXPECT_THAT(arguments, IsEmpty());
    EXPECT_EQ(flags.String("file"), "v");
    EXPECT_TRUE(flags.Bool("all"));
  }
}

TEST(FlagSet, BoolTakesNoSeparateValueAndTheLastWins) {
  FlagSet flags = Flags();
  ASSERT_OK_AND_ASSIGN(auto arguments,
                       flags.Parse({"--all", "false", "--quiet", "--quiet=false"}, true));
  EXPECT_THAT(arguments, ElementsAre("false"));
  EXPECT_TRUE(flags.Bool("all"));
  EXPECT_FALSE(flags.Bool("quiet"));
  EXPECT_TRUE(flags.IsSet("quiet"));
  EXPECT_FALSE(flags.IsSet("file"));
}

TEST(FlagSet, DoubleDashAndSingleDashAreArguments) {
  FlagSet flags = Flags();
  ASSERT_OK_AND_ASSIGN(auto arguments, flags.Parse({"-", "--", "--all", "-q"}, true));
  EXPECT_THAT(arguments, ElementsAre("-", "--all", "-q"));
  EXPECT_FALSE(flags.Bool("all"));
}

TEST(FlagSet, WithoutInterspersingTheFirstArgumentEndsTheFlags) {
  FlagSet flags = Flags();
  ASSERT_OK_AND_ASSIGN(auto arguments, flags.Parse({"-a", "copy", "--unknown"}, false));
  EXPECT_THAT(arguments, ElementsAre("copy", "--unknown"));
}

TEST(FlagSet, ErrorsHavePflagsText) {
  const auto kInvalid = StatusCode::kInvalidArgument;
  EXPECT_THAT(ParseError({"--bogus=1"}), StatusIs(kInvalid, "unknown flag: --bogus"));
  EXPECT_THAT(ParseError({"-qzx"}), StatusIs(kInvalid, "unknown shorthand flag: 'z' in -zx"));
  EXPECT_THAT(ParseError({"--file"}), StatusIs(kInvalid, "flag needs an argument: --file"));
  EXPECT_THAT(ParseError({"-qf"}), StatusIs(kInvalid, "flag needs an argument: 'f' in -f"));
  EXPECT_THAT(ParseError({"---x"}), StatusIs(kInvalid, "bad flag syntax: ---x"));
  EXPECT_THAT(ParseError({"--=x"}), StatusIs(kInvalid, "bad flag syntax: --=x"));
  EXPECT_THAT(ParseError({"--quiet=maybe"}),
              StatusIs(kInvalid,
                       "invalid argument \"maybe\" for \"-q, --quiet\" flag: "
                       "strconv.ParseBool: parsing \"maybe\": invalid syntax"));
  EXPECT_THAT(ParseError({"--times", "x"}),
              StatusIs(kInvalid,
                       "invalid argument \"x\" for \"--times\" flag: "
                       "strconv.ParseInt: parsing \"x\": invalid syntax"));
  EXPECT_THAT(ParseError({"--wait=5"}), StatusIs(kInvalid,
                                                 "invalid argument \"5\" for \"--wait\" flag: "
                                                 "time: missing unit in duration \"5\""));
}

TEST(FlagSet, FlagThatIsNotBuiltSaysSo) {
  const char* const kText = "--sign-by is not supported by this version of holkas";
  EXPECT_THAT(ParseError({"--sign-by=me"}), StatusIs(StatusCode::kUnimplemented, kText));
  EXPECT_THAT(ParseError({"--sign-by"}), StatusIs(StatusCode::kUnimplemented, kText));
  EXPECT_THAT(ParseError({"-qs", "me"}), StatusIs(StatusCode::kUnimplemented, kText));
}

TEST(FlagSet, AddKeepsValuesAndItsOwnFlags) {
  FlagSet global(
      {{"debug", '\0', FlagType::kBool, "", ""}, {"file", '\0', FlagType::kString, "", ""}});
  ASSERT_OK(global.Parse({"--debug", "--file=global"}, true).status());
  FlagSet flags = Flags();
  flags.Add(global);
  EXPECT_TRUE(flags.Bool("debug"));
  EXPECT_FALSE(flags.IsSet("file"));
}

TEST(FlagSet, AliasSetsTheOtherFlagAndTheLastOneWins) {
  FlagSet flags = Flags();
  ASSERT_OK(flags.Parse({"--secret"}, true).status());
  EXPECT_TRUE(flags.Bool("all"));
  ASSERT_OK(flags.Parse({"--all=false"}, true).status());
  EXPECT_FALSE(flags.Bool("all"));
  ASSERT_OK(flags.Parse({"--all=false", "--secret"}, true).status());
  EXPECT_TRUE(flags.Bool("all"));
}

TEST(FlagSet, RemovedFlagIsUnknown) {
  FlagSet flags = Flags();
  ASSERT_OK(flags.Parse({"--times=1"}, true).status());
  flags.Remove("times");
  EXPECT_FALSE(flags.IsSet("times"));
  EXPECT_THAT(flags.Parse({"--times=1"}, true),
              StatusIs(StatusCode::kInvalidArgument, "unknown flag: --times"));
}

TEST(FlagSet, UsagesShowWhatIsBuiltInColumns) {
  EXPECT_EQ(Flags().Usages(),
            "  -a, --all             everything\n"
            "      --copies uint     how many\n"
            "  -f, --file PATH       a file\n"
            "  -q, --quiet           say nothing\n"
            "      --tag strings     a tag\n"
            "      --times int       how often\n"
            "      --wait duration   how long\n");
}

}  // namespace
}  // namespace holkas
