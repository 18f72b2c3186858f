#ifndef HOLKAS_CLIENTS_CLI_COPY_H_
#define HOLKAS_CLIENTS_CLI_COPY_H_

#include "clients/cli/command.h"

namespace holkas {

// `holkas copy SOURCE DESTINATION`: copies an image and shows the progress.
Command CopyCommand();

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_COPY_H_
