#ifndef HOLKAS_CLIENTS_CLI_LIST_TAGS_H_
#define HOLKAS_CLIENTS_CLI_LIST_TAGS_H_

#include "clients/cli/command.h"

namespace holkas {

// `holkas list-tags REPOSITORY`: prints a repository's tags.
Command ListTagsCommand();

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_LIST_TAGS_H_
