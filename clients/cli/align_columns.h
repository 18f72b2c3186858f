#ifndef HOLKAS_CLIENTS_CLI_ALIGN_COLUMNS_H_
#define HOLKAS_CLIENTS_CLI_ALIGN_COLUMNS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace holkas {

// `text` with blanks instead of tabs, so that what a tab ends stands in columns as Go's
// text/tabwriter aligns them: a column is the cells beneath each other in lines that follow one
// another, at least 12 wide with two blanks behind the longest.
std::string AlignColumns(absl::string_view text);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_ALIGN_COLUMNS_H_
