#ifndef HOLKAS_CLIENTS_CLI_GO_PRINTF_H_
#define HOLKAS_CLIENTS_CLI_GO_PRINTF_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "clients/cli/go_value.h"

namespace holkas {

// fmt.Sprintf, with the verbs v, s, q, d, x, X and t, a width, and the flags `-` and `0`. What does
// not fit is written as Go writes it: `%!d(string=x)`, `%!d(MISSING)`, `%!(EXTRA int=2)`.
std::string GoSprintf(absl::string_view format, absl::Span<const GoValue> arguments);

// fmt.Sprint: a blank between two operands where neither is a string.
std::string GoSprint(absl::Span<const GoValue> arguments);

// fmt.Sprintln: a blank between all.
std::string GoSprintln(absl::Span<const GoValue> arguments);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_GO_PRINTF_H_
