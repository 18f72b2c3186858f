#include "worker/storage/layer_rights.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {

absl::StatusOr<bool> MakeOwnDevice(int parent, const std::string& name, mode_t type, dev_t device) {
  if (mknodat(parent, name.c_str(), type | 0600, device) == 0) {
    return true;
  }
  if (errno == EPERM || errno == EACCES) {
    return false;
  }
  return ErrnoError(errno, absl::StrCat("make the device ", absl::CHexEscape(name)));
}

bool IsWhiteoutDevice(mode_t type, dev_t device) { return type == S_IFCHR && device == 0; }

}  // namespace holkas
