#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <new>

#include "absl/synchronization/notification.h"
#include "tests/sandbox/attacks.h"

// Other processes, new processes, and privileges.

namespace holkas {
namespace {

using Context = AttackContext;

int64_t Address(const void* pointer) { return reinterpret_cast<int64_t>(pointer); }

// A thread that exists since before the filter has it, too.
std::string OnThread(Context& c, std::string (*attempt)()) {
  std::string outcome;
  absl::Notification done;
  c.pool.Schedule([&] {
    outcome = attempt();
    done.Notify();
  });
  done.WaitForNotification();
  return outcome;
}

constexpr Attack kAttacks[] = {
    {"fork", "SIGSYS", [](Context&) { return RawCall(__NR_fork); }},
    {"vfork", "SIGSYS", [](Context&) { return RawCall(__NR_vfork); }},
    {"clone_process", "SIGSYS", [](Context&) { return RawCall(__NR_clone, SIGCHLD); }},
    {"clone_thread", "SIGSYS",
     [](Context&) {
       return RawCall(__NR_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FS);
     }},
    {"clone_user_namespace", "SIGSYS",
     [](Context&) { return RawCall(__NR_clone, CLONE_NEWUSER | SIGCHLD); }},
    {"clone3", "SIGSYS",
     [](Context&) {
       clone_args arguments = {};
       return RawCall(__NR_clone3, Address(&arguments), sizeof(arguments));
     }},
    {"execve_shell", "SIGSYS",
     [](Context&) {
       char* const arguments[] = {nullptr};
       return RawCall(__NR_execve, Address("/bin/sh"), Address(arguments), Address(arguments));
     }},
    {"execveat_passed_file", "SIGSYS",
     [](Context& c) {
       char* const arguments[] = {nullptr};
       return RawCall(__NR_execveat, c.file_to_read, Address(""), Address(arguments),
                      Address(arguments), 0x1000);
     }},
    {"unshare_user", "SIGSYS", [](Context&) { return RawCall(__NR_unshare, CLONE_NEWUSER); }},
    {"unshare_mount", "SIGSYS", [](Context&) { return RawCall(__NR_unshare, CLONE_NEWNS); }},
    {"unshare_files", "SIGSYS", [](Context&) { return RawCall(__NR_unshare, CLONE_FILES); }},
    {"setns", "SIGSYS", [](Context& c) { return RawCall(__NR_setns, c.host_directory, 0); }},
    {"ptrace_parent", "SIGSYS",
     [](Context& c) { return RawCall(__NR_ptrace, PTRACE_ATTACH, c.driver_pid, 0, 0); }},
    {"ptrace_me", "SIGSYS", [](Context&) { return RawCall(__NR_ptrace, PTRACE_TRACEME, 0, 0, 0); }},
    {"process_vm_readv", "SIGSYS",
     [](Context& c) { return RawCall(__NR_process_vm_readv, c.driver_pid, 0, 0, 0, 0, 0); }},
    {"process_vm_writev", "SIGSYS",
     [](Context& c) { return RawCall(__NR_process_vm_writev, c.driver_pid, 0, 0, 0, 0, 0); }},
    {"process_madvise", "SIGSYS", [](Context&) { return RawCall(__NR_process_madvise, 0, 0, 0); }},
    {"kcmp", "SIGSYS", [](Context& c) { return RawCall(__NR_kcmp, c.driver_pid, 1, 0, 0, 0); }},
    {"kill_driver", "SIGSYS", [](Context& c) { return Outcome(kill(c.driver_pid, SIGKILL)); }},
    {"kill_everyone", "SIGSYS", [](Context&) { return Outcome(kill(-1, SIGKILL)); }},
    {"tkill", "SIGSYS", [](Context& c) { return RawCall(__NR_tkill, c.driver_pid, SIGKILL); }},
    {"tgkill", "SIGSYS",
     [](Context& c) { return RawCall(__NR_tgkill, c.driver_pid, c.driver_pid, SIGKILL); }},
    {"sigqueue", "SIGSYS",
     [](Context& c) { return RawCall(__NR_rt_sigqueueinfo, c.driver_pid, SIGKILL, 0); }},
    {"pidfd_open", "SIGSYS", [](Context& c) { return RawCall(__NR_pidfd_open, c.driver_pid, 0); }},
    {"pidfd_getfd", "SIGSYS", [](Context&) { return RawCall(__NR_pidfd_getfd, 0, 0, 0); }},
    {"pidfd_send_signal", "SIGSYS",
     [](Context&) { return RawCall(__NR_pidfd_send_signal, 0, SIGKILL, 0, 0); }},
    {"wait_for_others", "SIGSYS", [](Context&) { return RawCall(__NR_wait4, -1, 0, 1, 0); }},
    {"handle_violations", "EPERM",
     [](Context&) {
       struct sigaction action = {};
       action.sa_handler = SIG_IGN;
       return Outcome(sigaction(SIGSYS, &action, nullptr));
     }},
    {"sigaltstack", "SIGSYS", [](Context&) { return RawCall(__NR_sigaltstack, 0, 0); }},
    {"forged_sigreturn", "SIGSYS", [](Context&) { return RawCall(__NR_rt_sigreturn); }},
    {"setuid_root", "SIGSYS", [](Context&) { return RawCall(__NR_setuid, 0); }},
    {"setresuid_root", "SIGSYS", [](Context&) { return RawCall(__NR_setresuid, 0, 0, 0); }},
    {"setgid_root", "SIGSYS", [](Context&) { return RawCall(__NR_setgid, 0); }},
    {"setgroups", "SIGSYS", [](Context&) { return RawCall(__NR_setgroups, 0, 0); }},
    {"setfsuid", "SIGSYS", [](Context&) { return RawCall(__NR_setfsuid, 0); }},
    {"capset", "SIGSYS", [](Context&) { return RawCall(__NR_capset, 0, 0); }},
    {"be_dumpable", "SIGSYS", [](Context&) { return RawCall(__NR_prctl, PR_SET_DUMPABLE, 1); }},
    {"survive_parent", "SIGSYS", [](Context&) { return RawCall(__NR_prctl, PR_SET_PDEATHSIG, 0); }},
    {"allow_ptracer", "SIGSYS", [](Context&) { return RawCall(__NR_prctl, 0x59616d61, -1); }},
    {"raise_limits", "EPERM",
     [](Context&) {
       const rlimit limit = {100, 100};
       return Outcome(setrlimit(RLIMIT_NPROC, &limit));
     }},
    {"limit_others", "EPERM",
     [](Context& c) { return RawCall(__NR_prlimit64, c.driver_pid, RLIMIT_NOFILE, 0, 0); }},
    {"legacy_setrlimit", "SIGSYS", [](Context&) { return RawCall(__NR_setrlimit, 0, 0); }},
    {"setpriority", "SIGSYS", [](Context&) { return RawCall(__NR_setpriority, 0, 0, -20); }},
    {"sched_setscheduler", "SIGSYS",
     [](Context&) { return RawCall(__NR_sched_setscheduler, 0, 1, 0); }},
    {"setpgid", "SIGSYS", [](Context&) { return RawCall(__NR_setpgid, 0, 0); }},
    {"on_thread_fork", "SIGSYS",
     [](Context& c) { return OnThread(c, [] { return RawCall(__NR_fork); }); }},
    {"on_thread_open", "EACCES",
     [](Context& c) {
       return OnThread(c, [] { return RawCall(__NR_openat, -100, Address("/etc/passwd"), 0); });
     }},
};

}  // namespace

absl::Span<const Attack> ProcessAttacks() { return kAttacks; }

}  // namespace holkas
