#include "worker/confine/capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Each bit with its lock: root is nobody special, and stays so.
constexpr uint64_t kSecurebits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                 SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

// The kernel has fewer capabilities than this.
constexpr int kMaxCapabilities = 64;

absl::Status EmptyBoundingSet() {
  for (int capability = 0; capability < kMaxCapabilities; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      if (errno == EINVAL && capability > 0) {
        break;  // past the kernel's last one
      }
      return ErrnoError(errno, "drop a capability from the bounding set");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status KeepCapabilities(absl::Span<const int> keep) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  for (int capability : keep) {
    data[CAP_TO_INDEX(capability)].permitted |= CAP_TO_MASK(capability);
    data[CAP_TO_INDEX(capability)].effective |= CAP_TO_MASK(capability);
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return ErrnoError(errno, "clear the ambient capabilities");
  }
  if (syscall(__NR_capset, &header, data) != 0) {
    return ErrnoError(errno, "capset");
  }
  return absl::OkStatus();
}

absl::Status ForbidNewCapabilities() {
  if (!HasCapability(CAP_SETPCAP)) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(EmptyBoundingSet());
  if (prctl(PR_SET_SECUREBITS, kSecurebits, 0, 0, 0) != 0) {
    return ErrnoError(errno, "lock the securebits");
  }
  return absl::OkStatus();
}

bool HasCapability(int capability) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(__NR_capget, &header, data) == 0 &&
         (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
}

}  // namespace holkas
