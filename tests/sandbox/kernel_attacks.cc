#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/sandbox/attacks.h"

// The kernel's rarer doors: other entries, programs that it runs, mounts, modules, clocks.

namespace holkas {
namespace {

using Context = AttackContext;

int64_t Address(const void* pointer) { return reinterpret_cast<int64_t>(pointer); }

// The system calls of i386, with their own numbers: 20 is getpid there, writev here.
std::string CallByInt80(int number) {
  int64_t result = number;
  asm volatile("int $0x80"
               : "+a"(result)
               : "b"(0), "c"(0), "d"(0)
               : "memory", "r8", "r9", "r10", "r11");
  return result >= 0 ? "ok" : "refused";
}

// The kernel's fixed page: gettimeofday, time, getcpu without an instruction of the worker's.
std::string CallVsyscallTime() {
  using Time = int64_t (*)(int64_t*);
  const auto time = reinterpret_cast<Time>(0xffffffffff600400);
  return time(nullptr) > 0 ? "ok" : "refused";
}

constexpr int64_t kX32 = 0x40000000;

constexpr Attack kAttacks[] = {
    {"int80_getpid", "SIGSYS", [](Context&) { return CallByInt80(20); }},
    {"int80_open", "SIGSYS", [](Context&) { return CallByInt80(5); }},
    {"int80_exit", "SIGSYS", [](Context&) { return CallByInt80(1); }},
    {"x32_getpid", "SIGSYS", [](Context&) { return RawCall(kX32 | __NR_getpid); }},
    {"x32_execve", "SIGSYS", [](Context&) { return RawCall(kX32 | 520); }},
    {"x32_ptrace", "SIGSYS", [](Context&) { return RawCall(kX32 | 521); }},
    {"vsyscall_time", "SIGSYS", [](Context&) { return CallVsyscallTime(); }},
    {"number_past_the_last", "SIGSYS", [](Context&) { return RawCall(1023); }},
    {"number_minus_one", "SIGSYS", [](Context&) { return RawCall(-1); }},
    {"bpf", "SIGSYS", [](Context&) { return RawCall(__NR_bpf, 0, 0, 0); }},
    {"perf_event_open", "SIGSYS",
     [](Context&) { return RawCall(__NR_perf_event_open, 0, 0, 0, 0); }},
    {"io_uring_setup", "SIGSYS",
     [](Context&) {
       char parameters[256] = {};
       return RawCall(__NR_io_uring_setup, 1, Address(parameters));
     }},
    {"io_uring_enter", "SIGSYS", [](Context&) { return RawCall(__NR_io_uring_enter, 0, 0, 0, 0); }},
    {"io_uring_register", "SIGSYS", [](Context&) { return RawCall(__NR_io_uring_register, 0, 0); }},
    {"io_setup", "SIGSYS", [](Context&) { return RawCall(__NR_io_setup, 1, 0); }},
    {"userfaultfd", "SIGSYS", [](Context&) { return RawCall(__NR_userfaultfd, 0); }},
    {"seccomp_listener", "SIGSYS",
     [](Context&) { return RawCall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 8, 0); }},
    {"landlock_create_ruleset", "SIGSYS",
     [](Context&) { return RawCall(__NR_landlock_create_ruleset, 0, 0, 1); }},
    {"personality", "SIGSYS", [](Context&) { return RawCall(__NR_personality, 0x0400000); }},
    {"arch_prctl", "SIGSYS", [](Context&) { return RawCall(__NR_arch_prctl, 0x1001, 0); }},
    {"modify_ldt", "SIGSYS", [](Context&) { return RawCall(__NR_modify_ldt, 1, 0, 0); }},
    {"iopl", "SIGSYS", [](Context&) { return RawCall(__NR_iopl, 3); }},
    {"ioperm", "SIGSYS", [](Context&) { return RawCall(__NR_ioperm, 0x378, 3, 1); }},
    {"keyctl", "SIGSYS", [](Context&) { return RawCall(__NR_keyctl, 0, -3, 1); }},
    {"add_key", "SIGSYS", [](Context&) { return RawCall(__NR_add_key, 0, 0, 0, 0, -3); }},
    {"request_key", "SIGSYS", [](Context&) { return RawCall(__NR_request_key, 0, 0, 0, 0); }},
    {"mount", "SIGSYS",
     [](Context&) {
       return RawCall(__NR_mount, Address("none"), Address("/"), Address("tmpfs"), 0, 0);
     }},
    {"umount", "SIGSYS", [](Context&) { return RawCall(__NR_umount2, Address("/"), 2); }},
    {"pivot_root", "SIGSYS",
     [](Context&) { return RawCall(__NR_pivot_root, Address("."), Address(".")); }},
    {"open_tree", "SIGSYS",
     [](Context& c) { return RawCall(__NR_open_tree, c.host_directory, Address(""), 0x1001); }},
    {"move_mount", "SIGSYS", [](Context&) { return RawCall(__NR_move_mount, 0, 0, 0, 0, 0); }},
    {"fsopen", "SIGSYS", [](Context&) { return RawCall(__NR_fsopen, Address("tmpfs"), 0); }},
    {"mount_setattr", "SIGSYS",
     [](Context&) { return RawCall(__NR_mount_setattr, 0, 0, 0, 0, 0); }},
    {"init_module", "SIGSYS", [](Context&) { return RawCall(__NR_init_module, 0, 0, 0); }},
    {"finit_module", "SIGSYS",
     [](Context& c) { return RawCall(__NR_finit_module, c.file_to_read, 0, 0); }},
    {"kexec_load", "SIGSYS", [](Context&) { return RawCall(__NR_kexec_load, 0, 0, 0, 0); }},
    {"reboot", "SIGSYS", [](Context&) { return RawCall(__NR_reboot, 0, 0, 0, 0); }},
    {"swapon", "SIGSYS", [](Context&) { return RawCall(__NR_swapon, 0, 0); }},
    {"acct", "SIGSYS", [](Context&) { return RawCall(__NR_acct, 0); }},
    {"quotactl", "SIGSYS", [](Context&) { return RawCall(__NR_quotactl, 0, 0, 0, 0); }},
    {"read_kernel_log", "SIGSYS", [](Context&) { return RawCall(__NR_syslog, 3, 0, 0); }},
    {"clock_settime", "SIGSYS", [](Context&) { return RawCall(__NR_clock_settime, 0, 0); }},
    {"adjtimex", "SIGSYS", [](Context&) { return RawCall(__NR_adjtimex, 0); }},
    {"timer_create", "SIGSYS", [](Context&) { return RawCall(__NR_timer_create, 0, 0, 0); }},
    {"timerfd", "SIGSYS", [](Context&) { return RawCall(__NR_timerfd_create, 0, 0); }},
    {"signalfd", "SIGSYS", [](Context&) { return RawCall(__NR_signalfd4, -1, 0, 8, 0); }},
    {"epoll_create", "SIGSYS", [](Context&) { return RawCall(__NR_epoll_create1, 0); }},
    {"eventfd", "EPERM", [](Context&) { return RawCall(__NR_eventfd2, 0, 0); }},
    {"pipe", "EPERM",
     [](Context&) {
       int fds[2] = {};
       return RawCall(__NR_pipe2, Address(fds), 0);
     }},
    {"sysinfo_of_host", "EPERM",
     [](Context&) {
       char information[256] = {};
       return RawCall(__NR_sysinfo, Address(information));
     }},
    {"uname_of_host", "EPERM",
     [](Context&) {
       char name[512] = {};
       return RawCall(__NR_uname, Address(name));
     }},
    {"futex_priority_inheritance", "SIGSYS",
     [](Context&) {
       int word = 0;
       return RawCall(__NR_futex, Address(&word), 6, 0, 0, 0, 0);
     }},
    {"futex_requeue", "SIGSYS",
     [](Context&) {
       int word = 0;
       return RawCall(__NR_futex, Address(&word), 3, 0, 0, Address(&word), 0);
     }},
};

}  // namespace

absl::Span<const Attack> KernelAttacks() { return kAttacks; }

}  // namespace holkas
