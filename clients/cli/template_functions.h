#ifndef HOLKAS_CLIENTS_CLI_TEMPLATE_FUNCTIONS_H_
#define HOLKAS_CLIENTS_CLI_TEMPLATE_FUNCTIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/go_value.h"

namespace holkas {

// The functions of templates: those of Go's text/template but `call`, and those that Podman's tools
// add (join, json, lower, pad, split, title, truncate, upper).

bool HasTemplateFunction(absl::string_view name);

// Errors: INVALID_ARGUMENT, in Go's words where it has some.
absl::StatusOr<GoValue> CallTemplateFunction(absl::string_view name,
                                             const std::vector<GoValue>& arguments);

// The field of a struct, the value of a map, or the method of a digest or a time.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<GoValue> EvaluateField(const GoValue& value, absl::string_view name,
                                      const std::vector<GoValue>& arguments);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_TEMPLATE_FUNCTIONS_H_
