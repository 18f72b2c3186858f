#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// glibc implements fstat(fd) as newfstatat(fd, "", AT_EMPTY_PATH), whose path a seccomp filter
// cannot look at. These definitions take the place of glibc's in the whole program, libraries
// included, and use the system call that takes no path.

extern "C" int fstat(int fd, struct stat* result) noexcept {
  return static_cast<int>(syscall(__NR_fstat, fd, result));
}

extern "C" int fstat64(int fd, struct stat64* result) noexcept {
  return static_cast<int>(syscall(__NR_fstat, fd, result));
}
