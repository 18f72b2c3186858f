#include "worker/transports/sif/definition_file.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// Of a line with its end; Go's bufio.Scanner has the same.
constexpr size_t kMaxLineBytes = 64 << 10;

// What Unicode takes for blank (White_Space), in UTF-8.
constexpr absl::string_view kBlanks[] = {
    "\t",     "\n",     "\v",     "\f",     "\r",     " ",      "\u0085", "\u00a0", "\u1680",
    "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
    "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

bool StripOne(absl::string_view& text) {
  for (const absl::string_view blank : kBlanks) {
    if (absl::ConsumePrefix(&text, blank) || absl::ConsumeSuffix(&text, blank)) {
      return true;
    }
  }
  return false;
}

absl::string_view Strip(absl::string_view text) {
  while (StripOne(text)) {
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> RunscriptOf(absl::string_view definition) {
  enum class Section { kOther, kEnvironment, kRunscript };
  Section section = Section::kOther;
  std::vector<absl::string_view> environment;
  std::vector<absl::string_view> runscript;
  absl::ConsumeSuffix(&definition, "\n");
  for (const absl::string_view whole : absl::StrSplit(definition, '\n')) {
    if (whole.size() >= kMaxLineBytes) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_ARCHIVE",
                       "converting rootfs from SquashFS to Tarball: reading lines from SIF "
                       "definition file object: bufio.Scanner: token too long");
    }
    const absl::string_view line = Strip(whole);
    if (line == "%environment") {
      section = Section::kEnvironment;
    } else if (line == "%runscript") {
      section = Section::kRunscript;
    } else if (absl::StartsWith(line, "%")) {
      section = Section::kOther;
    } else if (section == Section::kRunscript) {
      runscript.push_back(line);
    } else if (section == Section::kEnvironment && !line.empty() && !absl::StartsWith(line, "#")) {
      environment.push_back(line);
    }
  }
  if (environment.empty() && runscript.empty()) {
    return "";
  }
  return absl::StrCat("#!/bin/bash\n", absl::StrJoin(environment, "\n"), "\n",
                      absl::StrJoin(runscript, "\n"), "\n");
}

}  // namespace holkas
