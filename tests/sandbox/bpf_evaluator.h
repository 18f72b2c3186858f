#ifndef HOLKAS_TESTS_SANDBOX_BPF_EVALUATOR_H_
#define HOLKAS_TESTS_SANDBOX_BPF_EVALUATOR_H_

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace holkas {

// Runs a seccomp program as the kernel does, with the instructions that our programs have: the
// result is the action (SECCOMP_RET_...).
// Errors: INVALID_ARGUMENT for another instruction, a load outside of `data`, a jump outside of the
// program.
absl::StatusOr<uint32_t> EvaluateFilter(absl::Span<const sock_filter> program,
                                        const seccomp_data& data);

}  // namespace holkas

#endif  // HOLKAS_TESTS_SANDBOX_BPF_EVALUATOR_H_
