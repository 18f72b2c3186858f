#include "service/sandbox/launcher.h"

#include <signal.h>
#include <string.h>

#include "absl/strings/str_cat.h"

namespace holkas {

std::string WorkerExit::ToString() const {
  switch (how) {
    case How::kExited:
      return absl::StrCat("exited with status ", code);
    case How::kSignaled: {
      const char* name = sigabbrev_np(code);
      return absl::StrCat("killed by signal ", code, " (", name == nullptr ? "?" : "SIG",
                          name == nullptr ? "" : name,
                          code == SIGSYS ? ": forbidden system call)" : ")");
    }
    case How::kKilled:
      return "killed by holkasd";
    case How::kUnknown:
      return "its zygote died";
  }
  return "unknown";
}

}  // namespace holkas
