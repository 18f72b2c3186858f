#ifndef HOLKAS_CLIENTS_CLI_VERSION_H_
#define HOLKAS_CLIENTS_CLI_VERSION_H_

namespace holkas {

// The version of the command line (Semantic Versioning 2.0.0), as CHANGELOG.md has it.
inline constexpr char kCommandLineVersion[] = "0.1.0";

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_VERSION_H_
