// print_seccomp_table [store_reader | store_writer]: writes the text that
// tests/sandbox/seccomp_table.txt must be, or that of a worker with a store
// (seccomp_table_store_reader.txt, seccomp_table_store_writer.txt).

#include <stdio.h>

#include <string>
#include <vector>

#include "tests/sandbox/seccomp_table.h"
#include "worker/confine/bpf_program.h"
#include "worker/confine/syscall_policy.h"

int main(int argc, char** argv) {
  const std::string which = argc > 1 ? argv[1] : "";
  std::vector<holkas::SyscallRule> policy(holkas::SyscallPolicy().begin(),
                                          holkas::SyscallPolicy().end());
  if (which == "store_reader") {
    policy = holkas::StoreReaderSyscallPolicy();
  } else if (which == "store_writer") {
    policy = holkas::StoreWriterSyscallPolicy();
  }
  fputs(holkas::RenderSeccompTable(holkas::AssembleFilter(policy)).c_str(), stdout);
}
