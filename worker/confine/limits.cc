#include "worker/confine/limits.h"

#include <errno.h>
#include <sys/resource.h>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

struct Limit {
  __rlimit_resource resource;
  const char* name;
  rlim_t value;
};

// Address space, not memory: threads' stacks and malloc's arenas reserve much that they never
// touch.
constexpr rlim_t kAddressSpaceBytes = rlim_t{1} << 30;

// For every job.
constexpr Limit kAlways[] = {
    {RLIMIT_CORE, "core", 0},
    {RLIMIT_MEMLOCK, "memlock", 0},
    {RLIMIT_MSGQUEUE, "msgqueue", 0},
    {RLIMIT_SIGPENDING, "sigpending", 16},
    {RLIMIT_NICE, "nice", 0},
    {RLIMIT_RTPRIO, "rtprio", 0},
#ifndef __SANITIZE_ADDRESS__
    {RLIMIT_AS, "as", kAddressSpaceBytes},
#endif
};

// One image is described or deleted, or its repository's tags are listed: a few connections, a few
// megabytes, and the temporary file of an archive that is compressed.
constexpr Limit kOneImage[] = {
    {RLIMIT_NOFILE, "nofile", 64},
    {RLIMIT_FSIZE, "fsize", rlim_t{64} << 30},
    {RLIMIT_CPU, "cpu", 60},
};

// As a copy, and directories down to a file, for each thread.
constexpr Limit kStorage[] = {
    {RLIMIT_NOFILE, "nofile", 512},
    {RLIMIT_FSIZE, "fsize", rlim_t{1} << 40},
    {RLIMIT_CPU, "cpu", 3600},
};

// Sixteen threads with two sockets or files each, and reuse of connections; no layer is larger than
// the file limit; a terabyte takes half the CPU limit.
constexpr Limit kCopy[] = {
    {RLIMIT_NOFILE, "nofile", 128},
    {RLIMIT_FSIZE, "fsize", rlim_t{1} << 40},
    {RLIMIT_CPU, "cpu", 3600},
};

template <size_t kSize>
absl::Status Set(const Limit (&limits)[kSize]) {
  for (const Limit& limit : limits) {
    rlimit value;
    if (getrlimit(limit.resource, &value) != 0) {
      return ErrnoError(errno, absl::StrCat("getrlimit ", limit.name));
    }
    // A limit that is lower already stays: it cannot be raised without privilege.
    if (value.rlim_max > limit.value) {
      value.rlim_max = limit.value;
    }
    value.rlim_cur = value.rlim_max;
    if (setrlimit(limit.resource, &value) != 0) {
      return ErrnoError(errno, absl::StrCat("setrlimit ", limit.name));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status LimitResources(Workload workload) {
  RETURN_IF_ERROR(Set(kAlways));
  switch (workload) {
    case Workload::kOneImage:
      return Set(kOneImage);
    case Workload::kCopy:
      return Set(kCopy);
    case Workload::kStorage:
      return Set(kStorage);
  }
  return absl::InternalError("a workload without limits");
}

absl::Status ForbidNewProcesses() {
  const rlimit none = {0, 0};
  if (setrlimit(RLIMIT_NPROC, &none) != 0) {
    return ErrnoError(errno, "setrlimit nproc");
  }
  return absl::OkStatus();
}

}  // namespace holkas
