#ifndef HOLKAS_CLIENTS_CLI_LOGOUT_H_
#define HOLKAS_CLIENTS_CLI_LOGOUT_H_

#include "clients/cli/command.h"

namespace holkas {

// `holkas logout REGISTRY`: forgets the credentials that login keeps.
Command LogoutCommand();

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_LOGOUT_H_
