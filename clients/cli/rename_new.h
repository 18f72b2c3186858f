#ifndef HOLKAS_CLIENTS_CLI_RENAME_NEW_H_
#define HOLKAS_CLIENTS_CLI_RENAME_NEW_H_

#include <string>

namespace holkas {

// Gives a file another name in its file system, which nothing has: 0, or the errno of the system
// call that failed, EEXIST among others. Where the file system has no means for that, what got the
// name just now may be replaced.
int RenameNew(const std::string& from, const std::string& to);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_RENAME_NEW_H_
