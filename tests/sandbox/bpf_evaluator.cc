#include "tests/sandbox/bpf_evaluator.h"

#include <string.h>

namespace holkas {

absl::StatusOr<uint32_t> EvaluateFilter(absl::Span<const sock_filter> program,
                                        const seccomp_data& data) {
  uint32_t accumulator = 0;
  // Jumps go forward only, so that this ends.
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& instruction = program[at];
    switch (instruction.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (instruction.k % 4 != 0 || instruction.k + 4 > sizeof(data)) {
          return absl::InvalidArgumentError("load outside of the data");
        }
        memcpy(&accumulator, reinterpret_cast<const char*>(&data) + instruction.k, 4);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= instruction.k;
        break;
      case BPF_JMP | BPF_JA:
        at += instruction.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += accumulator == instruction.k ? instruction.jt : instruction.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += accumulator >= instruction.k ? instruction.jt : instruction.jf;
        break;
      case BPF_RET | BPF_K:
        return instruction.k;
      default:
        return absl::InvalidArgumentError("unknown instruction");
    }
  }
  return absl::InvalidArgumentError("past the end");
}

}  // namespace holkas
