#include "clients/cli/rename_new.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace holkas {

int RenameNew(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
    return 0;
  }
  // EINVAL is that of a file system, as NFS, that does not know the flag.
  if (errno != EINVAL && errno != ENOSYS) {
    return errno;
  }
  if (link(from.c_str(), to.c_str()) == 0) {
    return unlink(from.c_str()) == 0 ? 0 : errno;
  }
  if (errno == EEXIST || access(to.c_str(), F_OK) == 0) {
    return EEXIST;
  }
  return rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

}  // namespace holkas
