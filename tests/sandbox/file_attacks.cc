#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/sandbox/attacks.h"

// Files of the host: by name, through a directory that was passed, and through what a passed file
// leads to.

namespace holkas {
namespace {

using Context = AttackContext;

int64_t Address(const void* pointer) { return reinterpret_cast<int64_t>(pointer); }

constexpr Attack kAttacks[] = {
    {"open_passwd", "EACCES", [](Context&) { return Outcome(open("/etc/passwd", O_RDONLY)); }},
    {"legacy_open_passwd", "EACCES",
     [](Context&) { return RawCall(__NR_open, Address("/etc/passwd"), O_RDONLY); }},
    {"open_root_directory", "EACCES",
     [](Context&) { return Outcome(open("/", O_RDONLY | O_DIRECTORY)); }},
    {"open_proc_self_maps", "EACCES",
     [](Context&) { return Outcome(open("/proc/self/maps", O_RDONLY)); }},
    {"open_proc_self_environ", "EACCES",
     [](Context&) { return Outcome(open("/proc/self/environ", O_RDONLY)); }},
    {"open_proc_1_root", "EACCES",
     [](Context&) { return Outcome(open("/proc/1/root/etc/passwd", O_RDONLY)); }},
    {"reopen_passed_file_by_proc", "EACCES",
     [](Context&) { return Outcome(open("/proc/self/fd/4", O_RDWR)); }},
    {"open_device", "EACCES", [](Context&) { return Outcome(open("/dev/mem", O_RDWR)); }},
    {"create_file", "EACCES",
     [](Context&) { return Outcome(open("/tmp/holkas-escape", O_CREAT | O_WRONLY, 0600)); }},
    {"create_unnamed_file", "EACCES",
     [](Context&) { return Outcome(open("/tmp", O_TMPFILE | O_WRONLY, 0600)); }},
    {"openat_dotdot_of_directory", "EACCES",
     [](Context& c) { return Outcome(openat(c.host_directory, "../../../etc/passwd", O_RDONLY)); }},
    {"openat_inside_directory", "EACCES",
     [](Context& c) { return Outcome(openat(c.host_directory, "secret", O_RDONLY)); }},
    {"openat2_of_directory", "SIGSYS",
     [](Context& c) {
       const open_how how = {O_RDONLY, 0, 0};
       return RawCall(__NR_openat2, c.host_directory, Address("secret"), Address(&how),
                      sizeof(how));
     },
     "ENOENT"},
    {"fstatat_passwd", "EACCES",
     [](Context&) {
       struct stat result = {};
       return Outcome(fstatat(AT_FDCWD, "/etc/passwd", &result, 0));
     },
     "ENOENT"},
    {"stat_passwd", "SIGSYS",
     [](Context&) {
       struct stat result = {};
       return RawCall(__NR_stat, Address("/etc/passwd"), Address(&result));
     }},
    {"statx_passwd", "SIGSYS",
     [](Context&) {
       struct statx result = {};
       return RawCall(__NR_statx, AT_FDCWD, Address("/etc/passwd"), 0, STATX_ALL, Address(&result));
     },
     "ENOENT"},
    {"access_passwd", "SIGSYS",
     [](Context&) { return RawCall(__NR_access, Address("/etc/passwd"), R_OK); }},
    {"readlink_self", "SIGSYS",
     [](Context&) {
       char target[256] = {};
       return RawCall(__NR_readlink, Address("/proc/self/exe"), Address(target), sizeof(target));
     }},
    {"getdents_of_directory", "SIGSYS",
     [](Context& c) {
       char entries[1024] = {};
       return RawCall(__NR_getdents64, c.host_directory, Address(entries), sizeof(entries));
     },
     "ok"},
    {"unlinkat_inside_directory", "SIGSYS",
     [](Context& c) { return RawCall(__NR_unlinkat, c.host_directory, Address("secret"), 0); },
     "ENOENT"},
    {"renameat_inside_directory", "SIGSYS",
     [](Context& c) {
       return RawCall(__NR_renameat2, c.host_directory, Address("secret"), c.host_directory,
                      Address("stolen"), 0);
     },
     "ENOENT"},
    {"linkat_passed_file", "SIGSYS",
     [](Context& c) {
       return RawCall(__NR_linkat, c.file_to_read, Address(""), c.host_directory, Address("linked"),
                      AT_EMPTY_PATH);
     }},
    {"symlinkat_inside_directory", "SIGSYS",
     [](Context& c) {
       return RawCall(__NR_symlinkat, Address("/etc/passwd"), c.host_directory, Address("link"));
     },
     "ok"},
    {"mkdirat_inside_directory", "SIGSYS",
     [](Context& c) { return RawCall(__NR_mkdirat, c.host_directory, Address("d"), 0700); }, "ok"},
    {"mknodat_device", "SIGSYS",
     [](Context& c) {
       return RawCall(__NR_mknodat, c.host_directory, Address("sda"), S_IFBLK | 0600, 0x800);
     },
     "EPERM"},
    {"fchdir_to_directory", "SIGSYS",
     [](Context& c) { return RawCall(__NR_fchdir, c.host_directory); }},
    {"chroot_dot", "SIGSYS", [](Context&) { return RawCall(__NR_chroot, Address(".")); }},
    {"fchmod_passed_file", "SIGSYS",
     [](Context& c) { return RawCall(__NR_fchmod, c.file_to_write, 04777); }, "ok"},
    {"fchown_passed_file", "SIGSYS",
     [](Context& c) { return RawCall(__NR_fchown, c.file_to_write, 0, 0); }, "ok"},
    {"fsetxattr_passed_file", "SIGSYS",
     [](Context& c) {
       return RawCall(__NR_fsetxattr, c.file_to_write, Address("user.x"), Address("y"), 1, 0);
     },
     "ok"},
    {"flock_passed_file", "SIGSYS",
     [](Context& c) { return RawCall(__NR_flock, c.file_to_read, 2); }},
    {"lease_passed_file", "SIGSYS",
     [](Context& c) { return RawCall(__NR_fcntl, c.file_to_read, F_SETLEASE, F_RDLCK); }},
    {"own_signal_of_passed_file", "SIGSYS",
     [](Context& c) { return RawCall(__NR_fcntl, c.file_to_read, F_SETOWN, c.driver_pid); }},
    {"name_to_handle", "SIGSYS",
     [](Context& c) { return RawCall(__NR_name_to_handle_at, c.host_directory, 0, 0, 0, 0); }},
    {"open_by_handle", "SIGSYS",
     [](Context& c) { return RawCall(__NR_open_by_handle_at, c.host_directory, 0, O_RDONLY); }},
    {"write_to_file_passed_for_reading", "EBADF",
     [](Context& c) { return Outcome(write(c.file_to_read, "x", 1)); }},
    {"truncate_file_passed_for_reading", "SIGSYS",
     [](Context& c) { return Outcome(ftruncate(c.file_to_read, 0)); }, "EINVAL"},
    {"copy_between_files", "SIGSYS",
     [](Context& c) {
       return RawCall(__NR_copy_file_range, c.file_to_read, 0, c.file_to_write, 0, 5, 0);
     }},
    {"punch_hole", "SIGSYS",
     [](Context& c) { return RawCall(__NR_fallocate, c.file_to_write, 3, 0, 4096); }},
    {"inotify", "SIGSYS", [](Context&) { return RawCall(__NR_inotify_init1, 0); }},
    {"fanotify", "SIGSYS", [](Context&) { return RawCall(__NR_fanotify_init, 0, 0); }},
};

}  // namespace

absl::Span<const Attack> FileAttacks() { return kAttacks; }

}  // namespace holkas
