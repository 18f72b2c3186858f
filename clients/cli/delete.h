#ifndef HOLKAS_CLIENTS_CLI_DELETE_H_
#define HOLKAS_CLIENTS_CLI_DELETE_H_

#include "clients/cli/command.h"

namespace holkas {

// `holkas delete IMAGE`: deletes an image, or with --only-tag its tag.
Command DeleteCommand();

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_DELETE_H_
