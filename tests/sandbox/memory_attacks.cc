#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <new>
#include <vector>

#include "tests/sandbox/attacks.h"

// New executable code, memory shared with others, and what a clone of the zygote may have kept.

namespace holkas {
namespace {

using Context = AttackContext;

std::string Map(int protection, int flags, int fd = -1) {
  return Outcome(mmap(nullptr, 4096, protection, flags, fd, 0) == MAP_FAILED ? -1 : 0);
}

void* Page() {
  return mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;

// Says how many descriptors there are: 0 to 3 and the four, or with a store five, that the driver
// passed.
std::string CountDescriptors(Context&) {
  int count = 0;
  for (int fd = 0; fd < 4096; ++fd) {
    count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  }
  return std::to_string(count) + " open";
}

std::string ReadEnvironment(Context&) {
  return environ == nullptr || *environ == nullptr ? "empty" : *environ;
}

// The first three lead nowhere, and standard error is not the zygote's any more.
std::string ReadStandardInput(Context&) {
  char byte;
  return read(0, &byte, 1) == 0 ? "empty" : "ok";
}

std::string FillDescriptors(Context& c) {
  // No call that a worker has makes a descriptor but recvmsg.
  return RawCall(__NR_dup, c.file_to_read);
}

std::string TakeAllMemory(Context&) {
  try {
    std::vector<char*> blocks;
    for (int i = 0; i < 64; ++i) {
      blocks.push_back(new char[64 << 20]);
    }
  } catch (const std::bad_alloc&) {
    return "bad_alloc";
  }
  return "ok";
}

constexpr Attack kAttacks[] = {
    {"mmap_exec", "SIGSYS", [](Context&) { return Map(PROT_READ | PROT_EXEC, kPrivate); }},
    {"mmap_write_exec", "SIGSYS",
     [](Context&) { return Map(PROT_READ | PROT_WRITE | PROT_EXEC, kPrivate); }},
    {"mmap_exec_alone", "SIGSYS", [](Context&) { return Map(PROT_EXEC, kPrivate); }},
    {"mmap_shared", "SIGSYS",
     [](Context&) { return Map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS); }},
    {"mmap_file", "SIGSYS", [](Context& c) { return Map(PROT_READ, MAP_PRIVATE, c.file_to_read); }},
    {"mmap_file_exec", "SIGSYS",
     [](Context& c) { return Map(PROT_READ | PROT_EXEC, MAP_PRIVATE, c.file_to_read); }},
    {"mmap_file_shared", "SIGSYS",
     [](Context& c) { return Map(PROT_READ | PROT_WRITE, MAP_SHARED, c.file_to_write); }},
    {"mmap_locked", "SIGSYS", [](Context&) { return Map(PROT_READ, kPrivate | MAP_LOCKED); }},
    {"mmap_huge", "SIGSYS", [](Context&) { return Map(PROT_READ, kPrivate | MAP_HUGETLB); }},
    {"mmap_grows_down", "SIGSYS",
     [](Context&) { return Map(PROT_READ, kPrivate | MAP_GROWSDOWN); }},
    {"mprotect_exec", "SIGSYS",
     [](Context&) { return Outcome(mprotect(Page(), 4096, PROT_READ | PROT_EXEC)); }},
    {"pkey_mprotect_exec", "SIGSYS",
     [](Context&) {
       return RawCall(__NR_pkey_mprotect, reinterpret_cast<int64_t>(Page()), 4096, PROT_EXEC, -1);
     }},
    {"remap_file_pages", "SIGSYS",
     [](Context&) { return RawCall(__NR_remap_file_pages, 0, 0, 0, 0, 0); }},
    {"mlock", "SIGSYS", [](Context&) { return Outcome(mlock(Page(), 4096)); }},
    {"madvise_merge", "SIGSYS", [](Context&) { return Outcome(madvise(Page(), 4096, 12)); }},
    {"madvise_hwpoison", "SIGSYS", [](Context&) { return Outcome(madvise(Page(), 4096, 100)); }},
    {"mremap_fixed", "SIGSYS",
     [](Context&) {
       void* page = Page();
       return RawCall(__NR_mremap, reinterpret_cast<int64_t>(page), 4096, 4096,
                      MREMAP_MAYMOVE | MREMAP_FIXED, reinterpret_cast<int64_t>(Page()));
     }},
    {"memfd_create", "SIGSYS",
     [](Context&) { return RawCall(__NR_memfd_create, reinterpret_cast<int64_t>("x"), 0); }},
    {"memfd_secret", "SIGSYS", [](Context&) { return RawCall(447, 0); }},
    {"shmget", "SIGSYS", [](Context&) { return RawCall(__NR_shmget, 1, 4096, 01666); }},
    {"shmat", "SIGSYS", [](Context&) { return RawCall(__NR_shmat, 0, 0, 0); }},
    {"msgget", "SIGSYS", [](Context&) { return RawCall(__NR_msgget, 1, 01666); }},
    {"semget", "SIGSYS", [](Context&) { return RawCall(__NR_semget, 1, 1, 01666); }},
    {"mq_open", "SIGSYS", [](Context&) { return RawCall(__NR_mq_open, 0, 0, 0, 0); }},
    {"set_mempolicy", "SIGSYS", [](Context&) { return RawCall(__NR_set_mempolicy, 0, 0, 0); }},
    {"move_pages", "SIGSYS", [](Context&) { return RawCall(__NR_move_pages, 0, 0, 0, 0, 0, 0); }},
    {"take_all_memory", "bad_alloc", TakeAllMemory},
    {"duplicate_descriptor", "SIGSYS", FillDescriptors},
    {"duplicate_onto_channel", "SIGSYS",
     [](Context& c) { return RawCall(__NR_dup2, c.tcp_socket, 3); }},
    {"duplicate_by_fcntl", "SIGSYS",
     [](Context& c) { return RawCall(__NR_fcntl, c.tcp_socket, F_DUPFD, 0); }},
    {"leaked_descriptors", "8 open", CountDescriptors, "9 open"},
    {"leaked_environment", "empty", ReadEnvironment},
    {"leaked_standard_input", "empty", ReadStandardInput},
    {"crash_without_core", "SIGSEGV",
     [](Context&) {
       volatile uintptr_t address = 8;  // unknown to the compiler, which refuses it otherwise
       *reinterpret_cast<volatile int*>(address) = 1;
       return std::string("ok");
     }},
    {"abort", "SIGSYS", [](Context&) -> std::string { abort(); }},
};

}  // namespace

absl::Span<const Attack> MemoryAttacks() { return kAttacks; }

}  // namespace holkas
