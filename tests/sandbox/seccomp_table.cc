#include "tests/sandbox/seccomp_table.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tests/sandbox/bpf_evaluator.h"
#include "worker/confine/syscall_policy.h"

namespace holkas {
namespace {

constexpr int kNumbers = 1024;
constexpr uint32_t kX32Bit = 0x40000000;

using Arguments = std::array<uint64_t, 6>;
// The names of the patterns that each answer is given to.
using Answers = std::map<std::string, std::vector<std::string>>;

struct Pattern {
  std::string name;
  Arguments arguments;
};

// Values that mean something for some call, their neighbours, and bits that must not pass: flags
// of mmap, of send (0x20000000 is MSG_FASTOPEN), of futex, the high half of a register.
constexpr uint64_t kValues[] = {1,     2,     3,      4,       5,          6,
                                7,     8,     9,      0x22,    0x32,       0x80,
                                0x109, 0x189, 0x4000, 0x40000, 0x20000000, 0x100000000};

// One argument set, the others 0.
void AddSingles(std::vector<Pattern>& patterns) {
  for (size_t index = 0; index < 6; ++index) {
    for (uint64_t value : kValues) {
      Pattern pattern = {absl::StrFormat("%c=%#x", 'a' + index, value), {}};
      pattern.arguments[index] = value;
      patterns.push_back(pattern);
    }
  }
}

std::vector<Pattern> Patterns() {
  std::vector<Pattern> patterns = {{"zeros", {}},
                                   {"ones", {~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull}}};
  AddSingles(patterns);
  const Pattern combinations[] = {
      {"mmap(rw,private|anonymous)", {0, 4096, 3, 0x22, ~0ull, 0}},
      {"mmap(none,private|anonymous|noreserve)", {0, 4096, 0, 0x4022, ~0ull, 0}},
      {"mmap(rw,private|anonymous|fixed)", {0, 4096, 3, 0x32, ~0ull, 0}},
      {"mmap(rw,private|anonymous|stack)", {0, 4096, 3, 0x20022, ~0ull, 0}},
      {"mmap(rx,private|anonymous)", {0, 4096, 5, 0x22, ~0ull, 0}},
      {"mmap(rwx,private|anonymous)", {0, 4096, 7, 0x22, ~0ull, 0}},
      {"mmap(rw,shared|anonymous)", {0, 4096, 3, 0x21, ~0ull, 0}},
      {"mmap(r,private,file)", {0, 4096, 1, 0x02, 4, 0}},
      {"mmap(rw,private|anonymous|hugetlb)", {0, 4096, 3, 0x40022, ~0ull, 0}},
      {"mmap(rw,high bits)", {0, 4096, 3, 0x100000022, ~0ull, 0}},
      {"mremap(maymove|fixed)", {0, 4096, 4096, 3, 0, 0}},
      {"setsockopt(tcp,nodelay)", {5, 6, 1, 0, 4, 0}},
      {"setsockopt(tcp,ulp)", {5, 6, 31, 0, 4, 0}},
      {"setsockopt(socket,debug)", {5, 1, 1, 0, 4, 0}},
      {"getsockopt(socket,error)", {5, 1, 4, 0, 0, 0}},
      {"getsockopt(socket,peercred)", {5, 1, 17, 0, 0, 0}},
      {"sendto(nosignal)", {5, 0, 1, 0x4000, 0, 0}},
      {"sendto(nosignal|dontwait|more)", {5, 0, 1, 0xc040, 0, 0}},
      {"sendto(fastopen)", {5, 0, 1, 0x20000000, 0, 0}},
      {"sendto(address)", {5, 0, 1, 0x4000, 0x7fff00000000, 16}},
      {"recvfrom(peek)", {5, 0, 1, 2, 0, 0}},
      {"recvfrom(errqueue)", {5, 0, 1, 0x2000, 0, 0}},
      {"recvfrom(address)", {5, 0, 1, 0, 0x7fff00000000, 0x7fff00000000}},
      {"sendmsg(channel,nosignal|dontwait)", {3, 0, 0x4040, 0, 0, 0}},
      {"sendmsg(channel,fastopen)", {3, 0, 0x20000000, 0, 0, 0}},
      {"sendmsg(other)", {4, 0, 0x4040, 0, 0, 0}},
      {"recvmsg(channel,cmsg_cloexec|dontwait)", {3, 0, 0x40000040, 0, 0, 0}},
  };
  patterns.insert(patterns.end(), std::begin(combinations), std::end(combinations));
  return patterns;
}

std::string ActionName(const absl::StatusOr<uint32_t>& action) {
  if (!action.ok()) {
    return std::string(action.status().message());
  }
  const int data = static_cast<int>(*action & SECCOMP_RET_DATA);
  switch (*action & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_KILL_PROCESS:
      return "kill";
    case SECCOMP_RET_ALLOW:
      return "allow";
    case SECCOMP_RET_ERRNO:
      return data == 0 ? "answer 0" : absl::StrCat("answer ", strerrorname_np(data));
  }
  return "another action";
}

std::string Evaluate(absl::Span<const sock_filter> program, uint32_t arch, uint32_t number,
                     const Arguments& arguments) {
  seccomp_data data = {};
  data.nr = static_cast<int>(number);
  data.arch = arch;
  memcpy(data.args, arguments.data(), sizeof(data.args));
  return ActionName(EvaluateFilter(program, data));
}

const char* NameOf(int number) {
  // Who writes to a store has all that there are.
  static const auto* all = new std::vector<SyscallRule>(StoreWriterSyscallPolicy());
  for (const SyscallRule& rule : *all) {
    if (rule.number == number) {
      return rule.name;
    }
  }
  return "?";
}

// The rarer answers by pattern, the commonest by count.
std::string RenderNumber(int number, const Answers& answers) {
  std::string text = absl::StrCat(number, " ", NameOf(number), ":");
  if (answers.size() == 1) {
    return absl::StrCat(text, " ", answers.begin()->first, "\n");
  }
  const auto commonest = std::max_element(
      answers.begin(), answers.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  for (const auto& [answer, patterns] : answers) {
    if (answer != commonest->first) {
      absl::StrAppend(&text, "\n    ", answer, ": ", absl::StrJoin(patterns, " "));
    }
  }
  return absl::StrCat(text, "\n    ", commonest->first, ": the ", commonest->second.size(),
                      " others\n");
}

}  // namespace

std::string RenderSeccompTable(absl::Span<const sock_filter> program) {
  const std::vector<Pattern> patterns = Patterns();
  std::string table = absl::StrCat(
      "The answers of the workers' seccomp program, by evaluation "
      "(tests/sandbox/seccomp_table.h).\n"
      "a to f are the six arguments; those that are not named are 0.\n\n");
  int killed = 0;
  int other_entries = 0;
  for (int number = 0; number < kNumbers; ++number) {
    Answers answers;
    for (const Pattern& pattern : patterns) {
      const auto nr = static_cast<uint32_t>(number);
      answers[Evaluate(program, AUDIT_ARCH_X86_64, nr, pattern.arguments)].push_back(pattern.name);
      other_entries += Evaluate(program, AUDIT_ARCH_I386, nr, pattern.arguments) != "kill";
      other_entries +=
          Evaluate(program, AUDIT_ARCH_X86_64, nr | kX32Bit, pattern.arguments) != "kill";
    }
    if (answers.size() == 1 && answers.count("kill") == 1) {
      ++killed;
    } else {
      table += RenderNumber(number, answers);
    }
  }
  absl::StrAppend(&table, "\nkilled for every pattern: the other ", killed, " numbers below ",
                  kNumbers, "\ni386 and x32: ", other_entries, " answers that are not kill\n");
  return table;
}

}  // namespace holkas
