#include "worker/confine/bpf_program.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <optional>
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

// A conditional jump whose target is not known yet, in one of its branches.
struct OpenJump {
  size_t position;
  bool on_true;
};

// One check: falls through where it holds; jumps, by what is appended to `misses`, where it does
// not.
void AppendCheck(Program& program, const ArgCheck& check, std::vector<OpenJump>& misses) {
  const uint32_t low =
      static_cast<uint32_t>(offsetof(seccomp_data, args) + sizeof(uint64_t) * check.index);
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
  std::vector<OpenJump> misses;
  for (const ArgCheck& check : rule.checks) {
    if (check.kind != ArgCheck::Kind::kNone) {
      AppendCheck(program, check, misses);
    }
  }
  program.push_back(Return(Action(rule.verdict)));
  for (const OpenJump& miss : misses) {
    const auto distance = static_cast<uint8_t>(program.size() - miss.position - 1);
    (miss.on_true ? program[miss.position].jt : program[miss.position].jf) = distance;
  }
}

bool HasChecks(const SyscallRule& rule) { return rule.checks[0].kind != ArgCheck::Kind::kNone; }

// All rows of one number, as the policy has them.
using Rows = absl::Span<const SyscallRule>;
using Numbers = std::vector<std::pair<uint32_t, Rows>>;

// In the order of the numbers.
Numbers RowsByNumber(Rows policy) {
  Numbers numbers;
  for (size_t i = 0; i < policy.size();) {
    size_t end = i + 1;
    while (end < policy.size() && policy[end].number == policy[i].number) {
      ++end;
    }
    numbers.emplace_back(static_cast<uint32_t>(policy[i].number), policy.subspan(i, end - i));
    i = end;
  }
  std::sort(numbers.begin(), numbers.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return numbers;
}

// What some numbers lead to. The kernel translates the filter anew for every worker, so it is kept
// short: the two most frequent verdicts stand once, at the end, and all conditional jumps reach
// them. The number is in the accumulator.
class Page {
 public:
  explicit Page(absl::Span<const Numbers::value_type> numbers) { AppendSearch(numbers); }

  // Nothing where a jump would be too long.
  std::optional<Program> Finish() && {
    const size_t kill = program_.size();
    program_.push_back(Return(SECCOMP_RET_KILL_PROCESS));
    const size_t allow = program_.size();
    program_.push_back(Return(SECCOMP_RET_ALLOW));
    for (const auto& [jumps, target] : {std::pair(&to_kill_, kill), std::pair(&to_allow_, allow)}) {
      for (const OpenJump& jump : *jumps) {
        const size_t distance = target - jump.position - 1;
        if (distance > kMaxDistance) {
          return std::nullopt;
        }
        sock_filter& instruction = program_[jump.position];
        (jump.on_true ? instruction.jt : instruction.jf) = static_cast<uint8_t>(distance);
      }
    }
    return too_long_ ? std::nullopt : std::optional(std::move(program_));
  }

 private:
  static constexpr size_t kMaxDistance = 255;

  // Finds the number by halving: the kernel evaluates the program for every number once per worker,
  // to know which calls need no evaluation later.
  void AppendSearch(absl::Span<const Numbers::value_type> numbers) {
    if (numbers.size() == 1) {
      AppendNumber(numbers[0].first, numbers[0].second);
      return;
    }
    const size_t middle = numbers.size() / 2;
    const size_t jump = program_.size();
    program_.push_back(Jump(BPF_JGE, numbers[middle].first, 0, 0));
    AppendSearch(numbers.subspan(0, middle));
    const size_t distance = program_.size() - jump - 1;
    too_long_ = too_long_ || distance > kMaxDistance;
    program_[jump].jt = static_cast<uint8_t>(distance);
    AppendSearch(numbers.subspan(middle));
  }

  void AppendNumber(uint32_t number, Rows rows) {
    const size_t jump = program_.size();
    program_.push_back(Jump(BPF_JEQ, number, 0, 0));
    to_kill_.push_back({jump, false});
    if (!HasChecks(rows[0]) && rows[0].verdict == SyscallRule::kAllow) {
      to_allow_.push_back({jump, true});
      return;
    }
    for (const SyscallRule& rule : rows.subspan(0, rows.size() - 1)) {
      AppendRow(program_, rule);
    }
    AppendLastRow(rows.back());
  }

  // What does not match the last row ends here: checks have loaded arguments over the number.
  void AppendLastRow(const SyscallRule& rule) {
    for (const ArgCheck& check : rule.checks) {
      if (check.kind != ArgCheck::Kind::kNone) {
        AppendCheck(program_, check, to_kill_);
      }
    }
    program_.push_back(Return(Action(rule.verdict)));
  }

  Program program_;
  std::vector<OpenJump> to_kill_;
  std::vector<OpenJump> to_allow_;
  bool too_long_ = false;
};

Program Search(absl::Span<const Numbers::value_type> numbers) {
  if (numbers.empty()) {
    return {Return(SECCOMP_RET_KILL_PROCESS)};
  }
  if (std::optional<Program> page = Page(numbers).Finish(); page.has_value()) {
    return *std::move(page);
  }
  const size_t middle = numbers.size() / 2;
  const Program below = Search(numbers.subspan(0, middle));
  const Program above = Search(numbers.subspan(middle));
  // A long jump, because a conditional one does not reach. (One number's rows always fit a page.)
  Program program = {Jump(BPF_JGE, numbers[middle].first, 0, 1),
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
  const Program search = Search(RowsByNumber(policy));
  program.insert(program.end(), search.begin(), search.end());
  return program;
}

}  // namespace holkas
