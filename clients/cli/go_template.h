#ifndef HOLKAS_CLIENTS_CLI_GO_TEMPLATE_H_
#define HOLKAS_CLIENTS_CLI_GO_TEMPLATE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/go_value.h"

namespace holkas {

// What the template makes of `data`: Go's text/template, without what template_parser.h leaves out.
// Errors: INVALID_ARGUMENT, in Go's words where it has some, for a template that is malformed or
// asks for what is not there.
absl::StatusOr<std::string> ExecuteGoTemplate(absl::string_view text, const GoValue& data);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_GO_TEMPLATE_H_
