#ifndef HOLKAS_CLIENTS_CLI_RUN_H_
#define HOLKAS_CLIENTS_CLI_RUN_H_

#include <string>
#include <vector>

#include "clients/cli/command.h"

namespace holkas {

// Runs the command line `arguments`, the program's name not among them, and returns what to exit
// with: 0, 2 where an image was not found, 128 + N after signal N, 1 for every other failure, which
// is told on standard error.
int RunCommandLine(const std::vector<std::string>& arguments, CommandContext& context);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_RUN_H_
