#ifndef HOLKAS_WORKER_CONFINE_BPF_PROGRAM_H_
#define HOLKAS_WORKER_CONFINE_BPF_PROGRAM_H_

#include <linux/filter.h>

#include <vector>

#include "absl/types/span.h"
#include "worker/confine/syscall_policy.h"

namespace holkas {

// The seccomp program of a policy. Rows of one number must stand together. Everything that the
// policy does not name, another architecture's entry (int 0x80) and the x32 numbers kill the
// process. Made once by the zygote; tests evaluate it for every number.
std::vector<sock_filter> AssembleFilter(absl::Span<const SyscallRule> policy);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CONFINE_BPF_PROGRAM_H_
