#ifndef HOLKAS_TESTS_SANDBOX_SECCOMP_TABLE_H_
#define HOLKAS_TESTS_SANDBOX_SECCOMP_TABLE_H_

#include <linux/filter.h>

#include <string>

#include "absl/types/span.h"

namespace holkas {

// What a seccomp program answers, by evaluation: for each number from 0 to 1023 of x86-64 with each
// of some hundred patterns of arguments, for i386's entry and for x32's numbers. Numbers that are
// always killed are left out. seccomp_table.txt is this text for the program of the workers, two
// others beside it are for those with a store; print_seccomp_table writes them.
std::string RenderSeccompTable(absl::Span<const sock_filter> program);

}  // namespace holkas

#endif  // HOLKAS_TESTS_SANDBOX_SECCOMP_TABLE_H_
