#ifndef HOLKAS_CLIENTS_CLI_LOGIN_H_
#define HOLKAS_CLIENTS_CLI_LOGIN_H_

#include "clients/cli/command.h"

namespace holkas {

// `holkas login REGISTRY`: asks the registry whether it accepts a user, and keeps the credentials.
Command LoginCommand();

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_LOGIN_H_
