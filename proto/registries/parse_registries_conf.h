#ifndef HOLKAS_PROTO_REGISTRIES_PARSE_REGISTRIES_CONF_H_
#define HOLKAS_PROTO_REGISTRIES_PARSE_REGISTRIES_CONF_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/registries/registry_table.h"

namespace holkas {

// Which of its two forms a file may have.
enum class RegistriesConfForm {
  // `[[registry]]`, or the older `[registries.block]` and `[registries.insecure]`.
  kAny,
  // `[[registry]]` alone, as in drop-in files.
  kSecondAlone,
};

// What one file says.
struct ParsedRegistriesConf {
  std::vector<RegistryEntry> entries;
  // `credential-helpers`, where it is set.
  std::optional<std::vector<std::string>> credential_helpers;
};

// One file of containers-registries.conf(5). Keys are read as Skopeo reads them: in any case, and
// those that nothing here needs (short names) are passed over, known or not. Of two entries with
// one prefix the first counts. `name` is what errors and entries call the file.
// Errors: INVALID_ARGUMENT (INVALID_CONFIG), `name:line: why`, for malformed TOML, values of
// another type, and contradictions.
absl::StatusOr<ParsedRegistriesConf> ParseRegistriesConf(absl::string_view text,
                                                         const std::string& name,
                                                         RegistriesConfForm form);

}  // namespace holkas

#endif  // HOLKAS_PROTO_REGISTRIES_PARSE_REGISTRIES_CONF_H_
