#ifndef HOLKAS_SERVICE_CONFIG_YAML_MESSAGE_H_
#define HOLKAS_SERVICE_CONFIG_YAML_MESSAGE_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace holkas {

// Where in a YAML text each field was set: `limits.inspect_timeout` -> its line, from 1. Entries of
// lists are `listen[0]`.
using YamlLines = std::map<std::string, int>;

// Fills `message` from YAML by reflection: a mapping is a message, a sequence a repeated field, a
// key a field's name as the .proto spells it, an enum value its name in lower case without its
// type's prefix, and google.protobuf.Duration a text such as `1m30s`. Numbers and booleans must be
// written plainly, without quotes. `name` is what errors call the text. Errors: INVALID_ARGUMENT
// (INVALID_CONFIG), `name:line: key: why`, for malformed YAML, unknown keys, keys that stand twice,
// values of another type or out of range, and a text over 1 MiB.
absl::StatusOr<YamlLines> ParseYaml(absl::string_view text, absl::string_view name,
                                    google::protobuf::Message& message);

// What is wrong with a field that ParseYaml took, in the form of its errors. `lines` are what it
// returned; a field that was not set is said to be in line 1.
absl::Status YamlError(absl::string_view name, const YamlLines& lines, const std::string& key,
                       absl::string_view why);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_CONFIG_YAML_MESSAGE_H_
