#ifndef HOLKAS_CLIENTS_CLI_TEMPLATE_PARSER_H_
#define HOLKAS_CLIENTS_CLI_TEMPLATE_PARSER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/template_node.h"

namespace holkas {

// Parses a template of Go's text/template: text, pipelines, variables, if, with, range, break,
// continue, comments, trimmed blanks. Not `define`, `template` and `block`, nor numbers with a
// fraction, nor character literals: nobody needs them to print an image.
// Errors: INVALID_ARGUMENT, in Go's words where it has some.
absl::StatusOr<std::vector<TemplateNode>> ParseTemplate(absl::string_view text);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_TEMPLATE_PARSER_H_
