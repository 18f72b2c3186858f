#include "worker/confine/syscall_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>

namespace holkas {
namespace {

#ifndef __x86_64__
#error "this list of system calls is that of x86-64"
#endif

constexpr uint64_t kAll64 = ~uint64_t{0};
constexpr uint64_t kAll32 = 0xffffffff;

// An int argument equals `value`; differs from it; equals it once `ignored` bits are cleared; has
// no bit besides `bits`.
constexpr ArgCheck Is(uint8_t index, uint32_t value) {
  return {ArgCheck::Kind::kEqual, index, false, kAll32, value};
}
constexpr ArgCheck IsNot(uint8_t index, uint32_t value) {
  return {ArgCheck::Kind::kNotEqual, index, false, kAll32, value};
}
constexpr ArgCheck IsIgnoring(uint8_t index, uint32_t ignored, uint32_t value) {
  return {ArgCheck::Kind::kEqual, index, false, kAll32 & ~uint64_t{ignored}, value};
}
constexpr ArgCheck OnlyBits(uint8_t index, uint32_t bits) {
  return {ArgCheck::Kind::kEqual, index, false, kAll32 & ~uint64_t{bits}, 0};
}
// The same for pointers and long arguments.
constexpr ArgCheck IsNull(uint8_t index) {
  return {ArgCheck::Kind::kEqual, index, true, kAll64, 0};
}
constexpr ArgCheck OnlyBitsLong(uint8_t index, uint64_t bits) {
  return {ArgCheck::Kind::kEqual, index, true, kAll64 & ~bits, 0};
}
constexpr ArgCheck IsIgnoringLong(uint8_t index, uint64_t ignored, uint64_t value) {
  return {ArgCheck::Kind::kEqual, index, true, kAll64 & ~ignored, value};
}

constexpr int kAllow = SyscallRule::kAllow;

// Flags of mmap that change nothing about what is mapped.
constexpr uint64_t kHarmlessMapFlags = MAP_NORESERVE | MAP_FIXED | MAP_STACK;
constexpr uint32_t kFutexFlags = FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME;
constexpr uint32_t kReceiveFlags = MSG_PEEK | MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL;
constexpr uint32_t kSendFlags = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE;

#define CALL(name) __NR_##name, #name

constexpr SyscallRule kPolicy[] = {
    // Descriptors that holkasd passed: sockets and regular files.
    {CALL(read), kAllow, {}, "files, sockets"},
    {CALL(write), kAllow, {}, "files, sockets"},
    {CALL(lseek), kAllow, {}, "files: size, from the start again"},
    {CALL(pread64), kAllow, {}, "archives: members, by several threads at once"},
    {CALL(pwrite64), kAllow, {}, "archives: headers, when the size of their member is known"},
    {CALL(fstat), kAllow, {}, "files: size (by confine/fstat.cc; glibc would use a path call)"},
    {CALL(close),
     kAllow,
     {IsNot(0, kChannelFd)},
     "all; but the channel's number never comes to mean another socket"},
    {CALL(fcntl), kAllow, {Is(1, F_GETFL)}, "libcurl: non-blocking sockets"},
    {CALL(fcntl), kAllow, {Is(1, F_SETFL)}, "libcurl: non-blocking sockets"},
    {CALL(fcntl), kAllow, {Is(1, F_GETFD)}, "libcurl"},
    {CALL(fcntl), kAllow, {Is(1, F_SETFD)}, "libcurl: close-on-exec"},

    // The sockets. No address is ever given: a passed socket keeps holkasd's network, and could be
    // sent elsewhere by connect with AF_UNSPEC, MSG_FASTOPEN, bind or listen.
    {CALL(recvfrom), kAllow, {OnlyBits(3, kReceiveFlags), IsNull(4)}, "libcurl: recv"},
    {CALL(sendto), kAllow, {OnlyBits(3, kSendFlags), IsNull(4)}, "libcurl: send"},
    {CALL(getpeername), kAllow, {}, "libcurl: after connect"},
    {CALL(getsockname), kAllow, {}, "libcurl: after connect"},
    {CALL(setsockopt), kAllow, {Is(1, IPPROTO_TCP), Is(2, TCP_NODELAY)}, "libcurl"},
    {CALL(getsockopt), kAllow, {Is(1, SOL_SOCKET), Is(2, SO_ERROR)}, "libcurl: after connect"},
    {CALL(connect), 0, {}, "libcurl connects the socket that is connected; it does not run"},

    // The channel. Only there may descriptors travel.
    {CALL(recvmsg), kAllow, {Is(0, kChannelFd)}, "the broker's client"},
    {CALL(sendmsg),
     kAllow,
     {Is(0, kChannelFd), OnlyBits(2, MSG_NOSIGNAL | MSG_DONTWAIT)},
     "the broker's client"},

    // Waiting.
    {CALL(poll), kAllow, {}, "libcurl, the broker's client"},
    {CALL(futex), kAllow, {IsIgnoring(1, kFutexFlags, FUTEX_WAIT)}, "absl::Mutex, glibc"},
    {CALL(futex), kAllow, {IsIgnoring(1, kFutexFlags, FUTEX_WAKE)}, "absl::Mutex, glibc"},
    {CALL(futex), kAllow, {IsIgnoring(1, kFutexFlags, FUTEX_WAIT_BITSET)}, "absl::Mutex, glibc"},
    {CALL(clock_nanosleep), kAllow, {}, "waiting before a retry"},
    {CALL(sched_yield), kAllow, {}, "absl::Mutex"},
    {CALL(restart_syscall), kAllow, {}, "the kernel: poll after SIGSTOP and SIGCONT"},

    // Memory: private, anonymous, never executable.
    {CALL(mmap),
     kAllow,
     {OnlyBitsLong(2, PROT_READ | PROT_WRITE),
      IsIgnoringLong(3, kHarmlessMapFlags, MAP_PRIVATE | MAP_ANONYMOUS)},
     "malloc"},
    {CALL(mprotect), kAllow, {OnlyBitsLong(2, PROT_READ | PROT_WRITE)}, "malloc: arenas"},
    {CALL(munmap), kAllow, {}, "malloc"},
    {CALL(mremap), kAllow, {OnlyBitsLong(3, MREMAP_MAYMOVE)}, "malloc: realloc"},
    {CALL(brk), kAllow, {}, "malloc"},
    {CALL(madvise), kAllow, {Is(2, MADV_DONTNEED)}, "malloc: trim"},

    // Time, chance, names of oneself, the end.
    {CALL(clock_gettime), kAllow, {}, "where the vDSO has no clock"},
    {CALL(gettimeofday), kAllow, {}, "where the vDSO has no clock"},
    {CALL(getrandom), kAllow, {}, "OpenSSL"},
    {CALL(getpid), kAllow, {}, "OpenSSL: fork detection"},
    {CALL(gettid), kAllow, {}, "absl, glibc: abort"},
    {CALL(rt_sigprocmask), kAllow, {}, "glibc: abort, end of a thread"},
    {CALL(exit), kAllow, {}, "glibc: end of a thread"},
    {CALL(exit_group), kAllow, {}, "all"},

    // What libraries try and can do without. It does not run.
    {CALL(socket), EACCES, {}, "libcurl: probes for IPv6"},
    {CALL(socketpair), EPERM, {}, "libcurl: wake-ups of a multi handle"},
    {CALL(pipe), EPERM, {}, "libcurl: wake-ups of a multi handle"},
    {CALL(pipe2), EPERM, {}, "libcurl: wake-ups of a multi handle"},
    {CALL(eventfd2), EPERM, {}, "libcurl: wake-ups of a multi handle"},
    {CALL(ioctl), ENOTTY, {}, "stdio"},
    {CALL(open), EACCES, {}, "glibc, OpenSSL: optional files"},
    {CALL(openat), EACCES, {}, "glibc, OpenSSL: optional files"},
    {CALL(newfstatat), EACCES, {}, "OpenSSL: directories of certificates"},
    {CALL(uname), EPERM, {}, "the sandbox's own test that the filter is there"},
    {CALL(sysinfo), EPERM, {}, "glibc: qsort of large arrays"},
    {CALL(prlimit64), EPERM, {}, "glibc: sysconf"},
    {CALL(sched_getparam), EPERM, {}, "absl::Mutex: the priority of a thread that must wait"},
    {CALL(sched_getscheduler), EPERM, {}, "absl::Mutex: the same"},
    {CALL(sched_getaffinity), EPERM, {}, "glibc: number of processors"},
    {CALL(rt_sigaction), EPERM, {}, "libcurl: SIGPIPE, which is ignored already"},
};

// What the storage profile has beside them, to read a store. Paths lead nowhere but into the store:
// the root is empty, and the store's directories are roots of mounts above which there is nothing.
// No link is followed there and no device opens (worker/zygote/tree_keeper.h), and Landlock allows
// these directories alone.
constexpr SyscallRule kStoreReading[] = {
    {CALL(openat2), kAllow, {}, "store: files, never through a link"},
    {CALL(newfstatat), kAllow, {}, "store: kinds, sizes, owners"},
    {CALL(statx), kAllow, {}, "store: the same"},
    {CALL(readlinkat), kAllow, {}, "store: targets of symbolic links"},
    {CALL(getdents64), kAllow, {}, "store: names in a directory"},
    {CALL(fgetxattr), kAllow, {}, "store: extended attributes of a file"},
    {CALL(flistxattr), kAllow, {}, "store: extended attributes of a file"},
    {CALL(pread64), kAllow, {}, "store: files"},
    {CALL(fcntl), kAllow, {Is(1, F_GETFL)}, "libcurl: non-blocking sockets"},
    {CALL(fcntl), kAllow, {Is(1, F_SETFL)}, "libcurl: non-blocking sockets"},
    {CALL(fcntl), kAllow, {Is(1, F_GETFD)}, "libcurl"},
    {CALL(fcntl), kAllow, {Is(1, F_SETFD)}, "libcurl: close-on-exec"},
    {CALL(fcntl), kAllow, {Is(1, F_OFD_SETLK)}, "store: its locks, which podman heeds"},
    {CALL(fcntl), kAllow, {Is(1, F_OFD_SETLKW)}, "store: its locks, which podman heeds"},
    {CALL(fcntl), kAllow, {Is(1, F_DUPFD_CLOEXEC)}, "store: directories that are listed"},
};

// And to write one.
constexpr SyscallRule kStoreWriting[] = {
    // Entries of a layer, and the store's own files.
    {CALL(mkdirat), kAllow, {}, "store: directories"},
    {CALL(mknodat), kAllow, {}, "store: FIFOs, whiteouts; other devices take privilege"},
    {CALL(symlinkat), kAllow, {}, "store: symbolic links"},
    {CALL(linkat), kAllow, {Is(4, 0)}, "store: hard links"},
    {CALL(unlinkat), kAllow, {}, "store: what an upper layer or a failure takes away"},
    {CALL(renameat), kAllow, {}, "store: glibc's renameat2 without flags"},
    {CALL(renameat2), kAllow, {}, "store: lists and layers take their names last"},
    {CALL(pwrite64), kAllow, {}, "store: lock files"},
    {CALL(ftruncate), kAllow, {}, "store: lock files, sparse files"},

    // What a layer says of its entries.
    {CALL(fchown), kAllow, {}, "store: owners"},
    {CALL(fchownat), kAllow, {}, "store: owners of links, FIFOs and whiteouts"},
    {CALL(fchmod), kAllow, {}, "store: modes"},
    {CALL(fchmodat), kAllow, {}, "store: modes of FIFOs and whiteouts"},
    {CALL(utimensat), kAllow, {}, "store: times"},
    {CALL(fsetxattr), kAllow, {}, "store: user.*, security.capability"},

    // What makes it last.
    {CALL(fsync), kAllow, {}, "store: files, directories"},
    {CALL(fdatasync), kAllow, {}, "store: files"},
    {CALL(syncfs), kAllow, {}, "store: a whole layer at once"},
};

#undef CALL

// `policy` with `more`, whose rows take the place of those of their numbers.
std::vector<SyscallRule> With(absl::Span<const SyscallRule> policy,
                              absl::Span<const SyscallRule> more) {
  std::vector<SyscallRule> both;
  for (const SyscallRule& rule : policy) {
    if (std::none_of(more.begin(), more.end(),
                     [&](const auto& other) { return other.number == rule.number; })) {
      both.push_back(rule);
    }
  }
  both.insert(both.end(), more.begin(), more.end());
  return both;
}

}  // namespace

absl::Span<const SyscallRule> SyscallPolicy() { return kPolicy; }

std::vector<SyscallRule> StoreReaderSyscallPolicy() { return With(kPolicy, kStoreReading); }

std::vector<SyscallRule> StoreWriterSyscallPolicy() {
  return With(StoreReaderSyscallPolicy(), kStoreWriting);
}

}  // namespace holkas
