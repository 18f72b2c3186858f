// print_seccomp_table: writes the text that tests/sandbox/seccomp_table.txt must be.

#include <stdio.h>

#include "tests/sandbox/seccomp_table.h"
#include "worker/confine/bpf_program.h"
#include "worker/confine/syscall_policy.h"

int main() {
  fputs(holkas::RenderSeccompTable(holkas::AssembleFilter(holkas::SyscallPolicy())).c_str(),
        stdout);
}
