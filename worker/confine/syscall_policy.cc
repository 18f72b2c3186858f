#include "worker/confine/syscall_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

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

#undef CALL

}  // namespace

absl::Span<const SyscallRule> SyscallPolicy() { return kPolicy; }

}  // namespace holkas
