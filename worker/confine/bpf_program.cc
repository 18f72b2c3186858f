#include "worker/confine/bpf_program.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <utility>

namespace holkas {
namespace {

using Program = std::vector<sock_filter>;

// The x32 entry uses the same architecture value with this bit in the number.
constexpr uint32_t kX32Bit = 0x40000000;

sock_filter Load(uint32_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset); }
sock_filter Return(uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
sock_filter Mask(uint32_t mask) { return BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask); }

// Skips `if_true` or `if_false` instructions. Both are distances within one row or one number, far
// below the 255 that an instruction can skip.
sock_filter Jump(uint16_t code, uint32_t value, size_t if_true, size_t if_false) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | BPF_K | code), value,
                  static_cast<uint8_t>(if_true), static_cast<uint8_t>(if_false));
}

uint32_t Action(int verdict) {
  if (verdict == SyscallRule::kAllow) {
    return SECCOMP_RET_ALLOW;
  }
  return SECCOMP_RET_ERRNO | (static_cast<uint32_t>(verdict) & SECCOMP_RET_DATA);
}

// A load, perhaps a mask, and a comparison; the comparison's two targets are set by the caller.
void AppendWord(Program& program, uint32_t offset, uint32_t mask, uint32_t value) {
  program.push_back(Load(offset));
  if (mask != 0xffffffff) {
    program.push_back(Mask(mask));
  }
  program.push_back(Jump(BPF_JEQ, value, 0, 0));
}

// One check: falls through where it holds. Returns the positions of jumps that must go to the end
// of the row where it does not, each with the branch to set.
struct Miss {
  size_t position;
  bool on_true;
};

void AppendCheck(Program& program, const ArgCheck& check, std::vector<Miss>& misses) {
  const uint32_t low = static_cast<uint32_t>(offsetof(seccomp_data, args) + 8u * check.index);
  const bool on_true = check.kind == ArgCheck::Kind::kNotEqual;
  AppendWord(program, low, static_cast<uint32_t>(check.mask), static_cast<uint32_t>(check.value));
  misses.push_back({program.size() - 1, on_true});
  if (check.is_64_bit) {
    AppendWord(program, low + 4, static_cast<uint32_t>(check.mask >> 32),
               static_cast<uint32_t>(check.value >> 32));
    misses.push_back({program.size() - 1, on_true});
  }
}

// One row: its verdict where all checks hold, else falls through.
void AppendRow(Program& program, const SyscallRule& rule) {
  std::vector<Miss> misses;
  for (const ArgCheck& check : rule.checks) {
    if (check.kind != ArgCheck::Kind::kNone) {
      AppendCheck(program, check, misses);
    }
  }
  program.push_back(Return(Action(rule.verdict)));
  for (const Miss& miss : misses) {
    const auto distance = static_cast<uint8_t>(program.size() - miss.position - 1);
    (miss.on_true ? program[miss.position].jt : program[miss.position].jf) = distance;
  }
}

bool HasChecks(const SyscallRule& rule) { return rule.checks[0].kind != ArgCheck::Kind::kNone; }

// All rows of one number. Rows with checks have loaded arguments over the number, so that what does
// not match ends here.
Program NumberBlock(absl::Span<const SyscallRule> rows) {
  Program block;
  for (const SyscallRule& rule : rows) {
    AppendRow(block, rule);
  }
  if (HasChecks(rows.back())) {
    block.push_back(Return(SECCOMP_RET_KILL_PROCESS));
  }
  return block;
}

// The numbers' blocks, in the order of the numbers.
using Blocks = std::vector<std::pair<uint32_t, Program>>;

Blocks NumberBlocks(absl::Span<const SyscallRule> policy) {
  Blocks blocks;
  for (size_t i = 0; i < policy.size();) {
    size_t end = i + 1;
    while (end < policy.size() && policy[end].number == policy[i].number) {
      ++end;
    }
    blocks.emplace_back(static_cast<uint32_t>(policy[i].number),
                        NumberBlock(policy.subspan(i, end - i)));
    i = end;
  }
  std::sort(blocks.begin(), blocks.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return blocks;
}

// Finds the number by halving: the kernel evaluates the program for every number once per worker,
// to know which calls need no evaluation later. The number is in the accumulator.
Program Search(absl::Span<const std::pair<uint32_t, Program>> blocks) {
  if (blocks.empty()) {
    return {Return(SECCOMP_RET_KILL_PROCESS)};
  }
  Program program;
  if (blocks.size() == 1) {
    program = {Jump(BPF_JEQ, blocks[0].first, 1, 0), Return(SECCOMP_RET_KILL_PROCESS)};
    program.insert(program.end(), blocks[0].second.begin(), blocks[0].second.end());
    return program;
  }
  const size_t middle = blocks.size() / 2;
  const Program below = Search(blocks.subspan(0, middle));
  const Program above = Search(blocks.subspan(middle));
  // A long jump, because a conditional one reaches 255 instructions only.
  program = {Jump(BPF_JGE, blocks[middle].first, 0, 1),
             BPF_STMT(BPF_JMP | BPF_JA, static_cast<uint32_t>(below.size()))};
  program.insert(program.end(), below.begin(), below.end());
  program.insert(program.end(), above.begin(), above.end());
  return program;
}

}  // namespace

Program AssembleFilter(absl::Span<const SyscallRule> policy) {
  Program program = {
      Load(offsetof(seccomp_data, arch)), Jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0),
      Return(SECCOMP_RET_KILL_PROCESS),   Load(offsetof(seccomp_data, nr)),
      Jump(BPF_JGE, kX32Bit, 0, 1),       Return(SECCOMP_RET_KILL_PROCESS),
  };
  const Program search = Search(NumberBlocks(policy));
  program.insert(program.end(), search.begin(), search.end());
  return program;
}

}  // namespace holkas
