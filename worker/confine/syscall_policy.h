#ifndef HOLKAS_WORKER_CONFINE_SYSCALL_POLICY_H_
#define HOLKAS_WORKER_CONFINE_SYSCALL_POLICY_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace holkas {

// The number that a worker's channel to holkasd has, always: the policy names it.
inline constexpr int kChannelFd = 3;

// A condition on one argument of a system call.
struct ArgCheck {
  enum class Kind : uint8_t {
    kNone,
    kEqual,     // (argument & mask) == value
    kNotEqual,  // (argument & mask) != value; of int arguments only
  };
  Kind kind = Kind::kNone;
  uint8_t index = 0;
  // The kernel reads int and unsigned int arguments from the low half of a register and ignores the
  // high half: so do their checks.
  bool is_64_bit = false;
  uint64_t mask = 0;
  uint64_t value = 0;
};

// A row of the policy: what becomes of a system call when all checks hold. The rows of one number
// are tried in order; where none holds, and for every number without a row, the process is killed.
struct SyscallRule {
  static constexpr int kAllow = -1;

  int number = 0;
  const char* name = "";
  // kAllow, or the error that is returned instead of running the call (0: pretend success).
  int verdict = kAllow;
  std::array<ArgCheck, 3> checks;
  // Who needs it, and why it is harmless.
  const char* needed_by = "";
};

// Everything that a confined worker can ask of the kernel. The one list; sorted by what it is for.
absl::Span<const SyscallRule> SyscallPolicy();

// The same for workers of the storage profile (storage_profile.h), which have more: those that
// write to no store, and those that do.
std::vector<SyscallRule> StoreReaderSyscallPolicy();
std::vector<SyscallRule> StoreWriterSyscallPolicy();

}  // namespace holkas

#endif  // HOLKAS_WORKER_CONFINE_SYSCALL_POLICY_H_
