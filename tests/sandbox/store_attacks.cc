#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>

#include "tests/sandbox/attacks.h"

// Out of a store, by a worker of the storage profile that may write to it: it has the directory
// `graph`, beside which `outside` is, with a file `secret` and a directory `victim`. In the store
// the driver has made a link to each, and where it is root a device. Controls are what unpacking a
// layer takes.

namespace holkas {
namespace {

using Context = AttackContext;

int64_t Address(const void* pointer) { return reinterpret_cast<int64_t>(pointer); }

int64_t Open2(int directory, const char* path, uint64_t flags, uint64_t resolve = 0) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? 0600 : 0;
  how.resolve = resolve;
  return syscall(__NR_openat2, directory, path, &how, sizeof(how));
}

// `ok` where what was opened is outside the store; `inside` where it is not.
std::string OpenElsewhere(Context& c, const char* path, uint64_t flags) {
  const int64_t fd = Open2(c.graph_root, path, flags);
  struct stat opened = {};
  struct stat root = {};
  if (fd < 0) {
    return Outcome(fd);
  }
  fstat(static_cast<int>(fd), &opened);
  fstat(c.graph_root, &root);
  return opened.st_ino == root.st_ino && opened.st_dev == root.st_dev ? "inside" : "ok";
}

// Makes a file in the store; -1 where that fails.
int NewFile(Context& c, const char* name) {
  return static_cast<int>(Open2(c.graph_root, name, O_CREAT | O_RDWR | O_TRUNC));
}

std::string MakeAndOpenDevice(Context& c, mode_t type, dev_t device) {
  if (mknodat(c.graph_root, "device", type | 0666, device) != 0) {
    return Outcome(-1);
  }
  return Outcome(Open2(c.graph_root, "device", O_RDWR));
}

// Opens what the driver has put there, which a worker could not make.
std::string OpenGivenDevice(Context& c, const char* name) {
  struct stat status = {};
  if (fstatat(c.graph_root, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return "EACCES";  // a driver that is nobody cannot make one
  }
  return Outcome(Open2(c.graph_root, name, O_RDWR | O_NONBLOCK));
}

std::string WriteAndReadFile(Context& c) {
  const int file = NewFile(c, "control-file");
  char text[6] = {};
  return file >= 0 && write(file, "hello", 5) == 5 && pread(file, text, 5, 0) == 5 &&
                 pwrite(file, "H", 1, 0) == 1 && ftruncate(file, 3) == 0 && fsync(file) == 0 &&
                 std::string(text) == "hello"
             ? "ok"
             : Outcome(-1);
}

// A user without subordinate ids has one user and one group alone.
unsigned SomeOwner(Context& c) {
  const int file = NewFile(c, "control-owner");
  return fchown(file, 4321, 4321) == 0 ? 4321 : 0;
}

std::string SetWhatALayerSays(Context& c) {
  const unsigned owner = SomeOwner(c);
  const int file = NewFile(c, "control-owned");
  const timespec times[] = {{1, 0}, {2, 0}};
  struct stat status = {};
  if (file < 0 || fchown(file, owner, owner) != 0 || fchmod(file, 04755) != 0 ||
      futimens(file, times) != 0 || fstat(file, &status) != 0) {
    return Outcome(-1);
  }
  return status.st_uid == owner && status.st_gid == owner && (status.st_mode & 07777) == 04755 &&
                 status.st_mtim.tv_sec == 2
             ? "ok"
             : "not as it was set";
}

std::string SetAttributes(Context& c) {
  const int file = NewFile(c, "control-attributes");
  // CAP_NET_RAW, permitted and effective, as `ping` has it.
  const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};
  if (fsetxattr(file, "security.capability", capability, sizeof(capability), 0) != 0) {
    return Outcome(-1);
  }
  const int64_t result = fsetxattr(file, "user.x", "y", 1, 0);
  // tmpfs of older kernels has none.
  return result != 0 && errno == EOPNOTSUPP ? "ok" : Outcome(result);
}

std::string LinkAndRename(Context& c) {
  const unsigned owner = SomeOwner(c);
  if (NewFile(c, "control-a") < 0 || mkdirat(c.graph_root, "control-d", 0755) != 0 ||
      linkat(c.graph_root, "control-a", c.graph_root, "control-d/b", 0) != 0 ||
      renameat2(c.graph_root, "control-d/b", c.graph_root, "control-c", 0) != 0 ||
      symlinkat("../anything", c.graph_root, "control-d/link") != 0 ||
      fchownat(c.graph_root, "control-d/link", owner, owner, AT_SYMLINK_NOFOLLOW) != 0 ||
      unlinkat(c.graph_root, "control-c", 0) != 0) {
    return Outcome(-1);
  }
  char target[32] = {};
  return readlinkat(c.graph_root, "control-d/link", target, sizeof(target) - 1) == 11 ? "ok"
                                                                                      : "failed";
}

std::string LockAFile(Context& c) {
  const int file = NewFile(c, "control-lock");
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  return Outcome(fcntl(file, F_OFD_SETLKW, &lock));
}

std::string ListDirectory(Context& c) {
  char entries[1024];
  return Outcome(syscall(__NR_getdents64, c.graph_root, entries, sizeof(entries)));
}

constexpr Attack kAttacks[] = {
    // Upwards and elsewhere by name.
    {"store_dotdot", "inside", [](Context& c) { return OpenElsewhere(c, "..", O_RDONLY); }},
    {"store_dotdot_path", "inside", [](Context& c) { return OpenElsewhere(c, "../..", O_PATH); }},
    {"store_dotdot_outside", "ENOENT",
     [](Context& c) { return Outcome(Open2(c.graph_root, "../outside/secret", O_RDONLY)); }},
    {"store_dotdot_passwd", "ENOENT",
     [](Context& c) { return Outcome(Open2(c.graph_root, "../../../../etc/passwd", O_RDONLY)); }},
    {"store_dotdot_passwd_path", "ENOENT",
     [](Context& c) { return Outcome(Open2(c.graph_root, "../../../../etc/passwd", O_PATH)); }},
    {"store_absolute", "ENOENT",
     [](Context& c) { return Outcome(Open2(c.graph_root, "/etc/passwd", O_RDONLY)); }},
    {"store_root", "EACCES",
     [](Context&) { return Outcome(Open2(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY)); }},
    {"store_create_in_root", "EROFS",
     [](Context&) { return Outcome(Open2(AT_FDCWD, "/made", O_CREAT | O_RDWR)); }},
    {"store_proc", "ENOENT",
     [](Context&) { return Outcome(Open2(AT_FDCWD, "/proc/self/mem", O_RDWR)); }},
    {"store_proc_fd", "ENOENT",
     [](Context&) { return Outcome(Open2(AT_FDCWD, "/proc/self/fd/4", O_RDWR)); }},
    {"store_dev", "ENOENT", [](Context&) { return Outcome(Open2(AT_FDCWD, "/dev/mem", O_RDWR)); }},
    {"store_from_run_root", "inside",
     [](Context& c) {
       const int64_t fd = Open2(c.run_root, "../../..", O_PATH);
       struct stat opened = {};
       struct stat root = {};
       fstat(static_cast<int>(fd), &opened);
       fstat(c.run_root, &root);
       return fd < 0 ? Outcome(fd) : std::string(opened.st_ino == root.st_ino ? "inside" : "ok");
     }},

    // Through links that lead out.
    {"store_link_to_file", "ELOOP",
     [](Context& c) { return Outcome(Open2(c.graph_root, "link-secret", O_RDONLY)); }},
    {"store_link_to_directory", "ELOOP",
     [](Context& c) { return Outcome(Open2(c.graph_root, "link-outside/secret", O_RDONLY)); }},
    {"store_new_link", "ELOOP",
     [](Context& c) {
       if (symlinkat("../outside/secret", c.graph_root, "new-link") != 0) {
         return std::string("no link");
       }
       return Outcome(Open2(c.graph_root, "new-link", O_RDWR));
     }},
    {"store_link_in_root", "ELOOP",
     [](Context& c) {
       return Outcome(Open2(c.graph_root, "link-passwd", O_RDONLY, RESOLVE_IN_ROOT));
     }},
    {"store_create_through_link", "ELOOP",
     [](Context& c) {
       return Outcome(Open2(c.graph_root, "link-outside/made", O_CREAT | O_RDWR));
     }},
    {"store_mkdir_through_link", "ELOOP",
     [](Context& c) { return Outcome(mkdirat(c.graph_root, "link-outside/made", 0700)); }},
    {"store_chmod_through_link", "ELOOP",
     [](Context& c) { return Outcome(fchmodat(c.graph_root, "link-secret", 0777, 0)); }},
    {"store_chown_through_link", "ELOOP",
     [](Context& c) { return Outcome(fchownat(c.graph_root, "link-secret", 1, 1, 0)); }},
    {"store_unlink_through_link", "ELOOP",
     [](Context& c) { return Outcome(unlinkat(c.graph_root, "link-outside/secret", 0)); }},

    // Changes of what is outside.
    {"store_chmod_outside", "ENOENT",
     [](Context& c) { return Outcome(fchmodat(c.graph_root, "../outside/secret", 0777, 0)); }},
    {"store_chown_outside", "ENOENT",
     [](Context& c) { return Outcome(fchownat(c.graph_root, "../outside/victim", 1, 1, 0)); }},
    {"store_touch_outside", "ENOENT",
     [](Context& c) { return Outcome(utimensat(c.graph_root, "../outside/victim", nullptr, 0)); }},
    {"store_unlink_outside", "ENOENT",
     [](Context& c) { return Outcome(unlinkat(c.graph_root, "../outside/secret", 0)); }},
    {"store_rename_out", "ENOENT",
     [](Context& c) {
       NewFile(c, "to-rename");
       return Outcome(renameat2(c.graph_root, "to-rename", c.graph_root, "../outside/renamed", 0));
     }},
    {"store_rename_in", "ENOENT",
     [](Context& c) {
       return Outcome(renameat2(c.graph_root, "../outside/secret", c.graph_root, "stolen", 0));
     }},
    {"store_rename_to_run_root", "EXDEV",
     [](Context& c) {
       NewFile(c, "to-rename");
       return Outcome(renameat2(c.graph_root, "to-rename", c.run_root, "renamed", 0));
     }},
    {"store_link_outside_in", "ENOENT",
     [](Context& c) {
       return Outcome(linkat(c.graph_root, "../outside/secret", c.graph_root, "linked", 0));
     }},
    {"store_link_by_link", "SIGSYS",
     [](Context& c) {
       return Outcome(
           linkat(c.graph_root, "link-secret", c.graph_root, "linked", AT_SYMLINK_FOLLOW));
     }},
    {"store_link_passed_file", "SIGSYS",
     [](Context& c) {
       return Outcome(linkat(c.file_to_read, "", c.graph_root, "linked", AT_EMPTY_PATH));
     }},
    {"store_exchange_root", "EBUSY",
     [](Context& c) {
       mkdirat(c.graph_root, "exchanged", 0700);
       return Outcome(renameat2(c.graph_root, "exchanged", c.graph_root, "..", 0));
     }},

    // Devices, made and found.
    {"store_make_disk", "EPERM",
     [](Context& c) { return MakeAndOpenDevice(c, S_IFBLK, makedev(8, 0)); }},
    {"store_make_memory", "EPERM",
     [](Context& c) { return MakeAndOpenDevice(c, S_IFCHR, makedev(1, 1)); }},
    {"store_make_null", "EPERM",
     [](Context& c) { return MakeAndOpenDevice(c, S_IFCHR, makedev(1, 3)); }},
    {"store_open_given_disk", "EACCES",
     [](Context& c) { return OpenGivenDevice(c, "given-disk"); }},
    {"store_open_given_null", "EACCES",
     [](Context& c) { return OpenGivenDevice(c, "given-null"); }},
    {"store_make_socket", "EACCES",
     [](Context& c) { return Outcome(mknodat(c.graph_root, "socket", S_IFSOCK | 0600, 0)); }},

    // Privilege.
    {"store_trusted_attribute", "EPERM",
     [](Context& c) {
       return Outcome(fsetxattr(NewFile(c, "trusted"), "trusted.overlay.opaque", "y", 1, 0));
     }},
    {"store_execute", "SIGSYS",
     [](Context& c) {
       char* const arguments[] = {nullptr};
       return RawCall(__NR_execveat, c.graph_root, Address("control-file"), Address(arguments),
                      Address(arguments), 0);
     }},
    {"store_mount", "SIGSYS",
     [](Context&) { return RawCall(__NR_mount, 0, Address("/"), 0, MS_BIND, 0); }},
    {"store_open_tree", "SIGSYS",
     [](Context& c) { return RawCall(__NR_open_tree, c.graph_root, Address(""), 0x1001); }},
    {"store_move_mount", "SIGSYS",
     [](Context& c) {
       return RawCall(__NR_move_mount, c.graph_root, Address(""), AT_FDCWD, Address("/"), 4);
     }},
    {"store_mount_setattr", "SIGSYS",
     [](Context& c) { return RawCall(__NR_mount_setattr, c.graph_root, Address(""), 0x1000); }},
    {"store_fchdir", "SIGSYS", [](Context& c) { return RawCall(__NR_fchdir, c.graph_root); }},
    {"store_handle", "SIGSYS",
     [](Context& c) { return RawCall(__NR_open_by_handle_at, c.graph_root, 0, O_RDONLY); }},
    {"store_name_attribute", "SIGSYS",
     [](Context&) {
       return RawCall(__NR_setxattr, Address("/"), Address("user.x"), Address("y"), 1, 0);
     }},
    {"store_lease", "SIGSYS",
     [](Context& c) { return RawCall(__NR_fcntl, c.graph_root, F_NOTIFY, 1); }},

    // What was passed beside the store: files of an image that is copied, as the service opens them
    // for such a job.
    {"store_chmod_passed_file", "EROFS",
     [](Context& c) { return Outcome(fchmod(c.file_to_read, 04777)); }},
    {"store_chown_passed_file", "EROFS",
     [](Context& c) { return Outcome(fchown(c.file_to_read, 1, 1)); }},
    {"store_touch_passed_file", "EROFS",
     [](Context& c) { return Outcome(futimens(c.file_to_read, nullptr)); }},
    {"store_mark_passed_file", "EROFS",
     [](Context& c) { return Outcome(fsetxattr(c.file_to_read, "user.x", "y", 1, 0)); }},
    // Standard streams are a pipe of the zygote's, which is no device of the host.
    {"store_standard_input_is_no_device", "inside",
     [](Context&) {
       struct stat status = {};
       return std::string(fstat(0, &status) == 0 && S_ISFIFO(status.st_mode) ? "inside" : "ok");
     }},

    {"store_control_file", "ok", WriteAndReadFile},
    {"store_control_says", "ok", SetWhatALayerSays},
    {"store_control_attributes", "ok", SetAttributes},
    {"store_control_links", "ok", LinkAndRename},
    {"store_control_lock", "ok", LockAFile},
    {"store_control_list", "ok", ListDirectory},
    {"store_control_whiteout", "ok",
     [](Context& c) { return Outcome(mknodat(c.graph_root, "whiteout", S_IFCHR, 0)); }},
    {"store_control_fifo", "ok",
     [](Context& c) { return Outcome(mknodat(c.graph_root, "fifo", S_IFIFO | 0600, 0)); }},
    {"store_control_run_root", "ok",
     [](Context& c) { return Outcome(mkdirat(c.run_root, "control", 0700)); }},
};

// What a worker may not do to a store that it only reads.
constexpr Attack kReaderAttacks[] = {
    {"reader_create", "EROFS",
     [](Context& c) { return Outcome(Open2(c.graph_root, "made", O_CREAT | O_RDWR)); }},
    {"reader_write", "EROFS",
     [](Context& c) { return Outcome(Open2(c.graph_root, "given-file", O_RDWR)); }},
    {"reader_unnamed", "EROFS",
     [](Context& c) { return Outcome(Open2(c.graph_root, ".", O_TMPFILE | O_RDWR)); }},
    {"reader_mkdir", "SIGSYS",
     [](Context& c) { return Outcome(mkdirat(c.graph_root, "m", 0700)); }},
    {"reader_unlink", "SIGSYS",
     [](Context& c) { return Outcome(unlinkat(c.graph_root, "given-file", 0)); }},
    {"reader_rename", "SIGSYS",
     [](Context& c) {
       return Outcome(renameat2(c.graph_root, "given-file", c.graph_root, "renamed", 0));
     }},
    {"reader_chmod_passed_file", "SIGSYS",
     [](Context& c) { return Outcome(fchmod(c.file_to_write, 04777)); }},
    {"reader_chown_passed_file", "SIGSYS",
     [](Context& c) { return Outcome(fchown(c.file_to_write, 1, 1)); }},
    {"reader_mark_passed_file", "SIGSYS",
     [](Context& c) { return Outcome(fsetxattr(c.file_to_write, "user.x", "y", 1, 0)); }},
    {"reader_dotdot", "inside", [](Context& c) { return OpenElsewhere(c, "..", O_RDONLY); }},
    {"reader_open_given_disk", "EACCES",
     [](Context& c) { return OpenGivenDevice(c, "given-disk"); }},
    {"reader_link", "ELOOP",
     [](Context& c) { return Outcome(Open2(c.graph_root, "link-secret", O_RDONLY)); }},
    {"reader_control_read", "ok",
     [](Context& c) {
       char text[6] = {};
       const int64_t file = Open2(c.graph_root, "given-file", O_RDONLY);
       return file >= 0 && read(static_cast<int>(file), text, 5) == 5 ? "ok" : Outcome(-1);
     }},
    {"reader_control_list", "ok", ListDirectory},
    {"reader_control_lock", "ok",
     [](Context& c) {
       struct flock lock = {};
       lock.l_type = F_RDLCK;
       return Outcome(fcntl(static_cast<int>(Open2(c.graph_root, "given-file", O_RDONLY)),
                            F_OFD_SETLKW, &lock));
     }},
};

}  // namespace

absl::Span<const Attack> StoreAttacks() { return kAttacks; }

absl::Span<const Attack> StoreReaderAttacks() { return kReaderAttacks; }

}  // namespace holkas
