#include "worker/transports/sif/definition_file.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

TEST(RunscriptOf, HasEnvironmentThenRunscript) {
  EXPECT_THAT(RunscriptOf("Bootstrap: x\n%runscript\n\n\trun \"$@\"\n%environment\r\n  A=1\r\n"
                          "# no\n\n%help\nhelp\n"),
              IsOkAndHolds("#!/bin/bash\nA=1\n\nrun \"$@\"\n"));
}

TEST(RunscriptOf, SectionsMayComeAgain) {
  EXPECT_THAT(RunscriptOf("%environment\nA\n%runscript\na\n%environment\nB\n%runscript\nb"),
              IsOkAndHolds("#!/bin/bash\nA\nB\na\nb\n"));
}

TEST(RunscriptOf, EmptyLinesAreARunscriptButNoEnvironment) {
  EXPECT_THAT(RunscriptOf("%runscript\n\n"), IsOkAndHolds("#!/bin/bash\n\n\n"));
  for (const char* text : {"", "\n", "%environment\n\n#\n", "%runscript", "%runscript\n",
                           "%runscript\n%help\n", "x\n", "%environment x\nA\n"}) {
    EXPECT_THAT(RunscriptOf(text), IsOkAndHolds("")) << text;
  }
}

TEST(RunscriptOf, BlanksAreUnicodes) {
  EXPECT_THAT(RunscriptOf("\u00a0%runscript\u3000\n\v\u2003run it\u0085\f\n"),
              IsOkAndHolds("#!/bin/bash\n\nrun it\n"));
}

TEST(RunscriptOf, LineOf64KiBIsRefused) {
  const std::string text = absl::StrCat("%runscript\n", std::string(65'535, 'x'), "\n");
  EXPECT_OK(RunscriptOf(text));
  for (const std::string& longer :
       {text.substr(0, text.size() - 1) + "x", text.substr(0, text.size() - 1) + "x\n"}) {
    const absl::Status status = RunscriptOf(longer).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_EQ(ErrorReason(status), "INVALID_ARCHIVE");
  }
}

}  // namespace
}  // namespace holkas
