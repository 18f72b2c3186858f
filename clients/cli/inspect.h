#ifndef HOLKAS_CLIENTS_CLI_INSPECT_H_
#define HOLKAS_CLIENTS_CLI_INSPECT_H_

#include "clients/cli/command.h"

namespace holkas {

// `holkas inspect IMAGE`: prints an image's description, manifest or configuration.
Command InspectCommand();

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_INSPECT_H_
