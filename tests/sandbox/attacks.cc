#include "tests/sandbox/attacks.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

namespace holkas {

std::vector<Attack> AllAttacks() {
  std::vector<Attack> all;
  for (const auto& group : {FileAttacks(), SocketAttacks(), ProcessAttacks(), KernelAttacks(),
                            MemoryAttacks(), ChannelAttacks(), Controls()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

std::string Outcome(int64_t result) {
  if (result >= 0) {
    return "ok";
  }
  const char* name = strerrorname_np(errno);
  return name == nullptr ? "unknown error" : name;
}

std::string RawCall(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e,
                    int64_t f) {
  return Outcome(syscall(number, a, b, c, d, e, f));
}

}  // namespace holkas
