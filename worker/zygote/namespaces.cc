#include "worker/zygote/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "worker/zygote/uid_pool.h"

namespace holkas {
namespace {

absl::Status WriteMaps(const std::string& proc, unsigned uid, unsigned gid, unsigned count) {
  RETURN_IF_ERROR(WriteFile(absl::StrCat(proc, "/setgroups"), "deny"));
  RETURN_IF_ERROR(WriteFile(absl::StrCat(proc, "/gid_map"),
                            absl::StrCat(kFirstInnerUid, " ", gid, " ", count)));
  return WriteFile(absl::StrCat(proc, "/uid_map"),
                   absl::StrCat(kFirstInnerUid, " ", uid, " ", count));
}

// A plain user maps itself.
absl::Status EnterUserNamespaceAsSelf() {
  const unsigned uid = geteuid();
  const unsigned gid = getegid();
  if (unshare(CLONE_NEWUSER) != 0) {
    return ErrnoError(errno, "unshare(CLONE_NEWUSER)");
  }
  return WriteMaps("/proc/self", uid, gid, 1);
}

absl::Status EnterUserNamespaceWithPool(unsigned pool) {
  RETURN_IF_ERROR(EnterUserNamespace([pool](pid_t process) {
    return WriteMaps(absl::StrCat("/proc/", process), pool, pool, kUidPoolSize);
  }));
  const unsigned self = kFirstInnerUid + kUidPoolSize - 1;
  if (setresgid(self, self, self) != 0 || setresuid(self, self, self) != 0) {
    return ErrnoError(errno, "become the zygote's user");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteFile(const std::string& path, const std::string& text) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid() || write(file.get(), text.data(), text.size()) < 0) {
    return ErrnoError(errno, absl::StrCat("write ", path));
  }
  return absl::OkStatus();
}

absl::Status EnterUserNamespace(absl::FunctionRef<absl::Status(pid_t process)> write_maps) {
  int go[2];
  if (pipe2(go, O_CLOEXEC) != 0) {
    return ErrnoError(errno, "pipe");
  }
  UniqueFd go_read(go[0]);
  UniqueFd go_write(go[1]);
  const pid_t self = getpid();
  const pid_t writer = fork();
  if (writer < 0) {
    return ErrnoError(errno, "fork the writer of the id maps");
  }
  if (writer == 0) {
    go_write.reset();
    char byte;
    const bool entered = read(go_read.get(), &byte, 1) == 1;
    _exit(entered && write_maps(self).ok() ? 0 : 1);
  }
  const bool entered = unshare(CLONE_NEWUSER) == 0;
  const int error = errno;
  if (entered && write(go_write.get(), "", 1) != 1) {
    return ErrnoError(errno, "tell the writer of the id maps");
  }
  go_write.reset();
  int status = 0;
  if (waitpid(writer, &status, 0) != writer) {
    return ErrnoError(errno, "wait for the writer of the id maps");
  }
  if (!entered) {
    return ErrnoError(error, "unshare(CLONE_NEWUSER)");
  }
  if (status != 0) {
    return absl::PermissionDeniedError("the id maps could not be written");
  }
  return absl::OkStatus();
}

// A second wall: seccomp kills a worker that tries. Where /proc/sys is read-only, as in a
// container, the first one has to do.
absl::Status ForbidUserNamespaces() {
  const UniqueFd file(open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC));
  if (!file.valid() || write(file.get(), "0", 1) != 1) {
    return errno == EROFS ? absl::OkStatus() : ErrnoError(errno, "forbid user namespaces");
  }
  return absl::OkStatus();
}

// The old root goes away with everything in it; /proc is used as a directory that surely exists.
absl::Status EnterEmptyRoot() {
  constexpr uint64_t kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return ErrnoError(errno, "make mounts private");
  }
  if (mount("none", "/proc", "tmpfs", kFlags, "size=4k,nr_inodes=2,mode=555") != 0) {
    return ErrnoError(errno, "mount the empty root");
  }
  if (chdir("/proc") != 0 || syscall(__NR_pivot_root, ".", ".") != 0) {
    return ErrnoError(errno, "pivot_root");
  }
  if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
    return ErrnoError(errno, "leave the old root");
  }
  if (mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kFlags, nullptr) != 0) {
    return ErrnoError(errno, "make the root read-only");
  }
  return absl::OkStatus();
}

absl::Status EnterNamespaces(std::optional<unsigned> uid_pool) {
  RETURN_IF_ERROR(uid_pool.has_value() ? EnterUserNamespaceWithPool(*uid_pool)
                                       : EnterUserNamespaceAsSelf());
  constexpr int kOthers =
      CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWPID;
  if (unshare(kOthers) != 0) {
    return ErrnoError(errno, "unshare");
  }
  RETURN_IF_ERROR(ForbidUserNamespaces());
  return EnterEmptyRoot();
}

}  // namespace holkas
