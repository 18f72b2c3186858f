#ifndef HOLKAS_SERVICE_SANDBOX_LAUNCHER_H_
#define HOLKAS_SERVICE_SANDBOX_LAUNCHER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/wire/frame_channel.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// How a worker ended.
struct WorkerExit {
  enum class How {
    kExited,    // by itself, with exit_code
    kSignaled,  // by a signal that holkasd did not send, for example SIGSYS for a forbidden call
    kKilled,    // by Kill
    kUnknown,   // its zygote died first
  };
  How how = How::kUnknown;
  int code = 0;  // the exit code, or the signal

  // `exited with status 71`, `killed by signal 31 (SIGSYS: forbidden system call)`.
  std::string ToString() const;
  // Whether it ended as a worker that did its job does.
  bool clean() const { return how == How::kExited && code == 0; }
};

// One worker process. Destroying it kills it and waits for its end.
class Worker {
 public:
  virtual ~Worker() = default;

  // The service's end of the socket. The worker confines itself, says Ready, and reads its job: the
  // first frame sent must be the JobSpec.
  virtual FrameChannel& channel() = 0;

  // Kills it now. May be called at any time, by any thread, more than once.
  virtual void Kill() = 0;

  // The worker broke the protocol: kills it, and has its zygote replaced.
  virtual void Distrust() { Kill(); }

  // Waits for its end, until `deadline`.
  // Errors: DEADLINE_EXCEEDED.
  virtual absl::StatusOr<WorkerExit> Wait(absl::Time deadline) = 0;

  // Whether it runs, of a zygote that still makes workers: it may be given a job. May change any
  // time.
  virtual bool serviceable() const { return true; }

  // The process id as holkasd sees it, for logs and tests; negative where the worker ended before
  // anybody asked.
  virtual int pid() const = 0;
};

// An open directory that a worker has rights in, in the storage profile.
struct WorkerDirectory {
  int fd = -1;
  bool writable = false;
};

// What a worker is made for.
struct WorkerNeeds {
  // It will verify registries' certificates with the system's certificate authorities.
  bool certificate_store = false;
  // How many threads move blobs, 1 to 16. 0: it copies no image, and is confined more narrowly.
  uint32_t threads = 0;
  // Directories of stores (OpenTrees), which stay the caller's. With some the worker is of the
  // storage profile, which has rights in these directories alone
  // (worker/confine/storage_profile.h).
  std::vector<WorkerDirectory> directories = {};
};

// A directory to open, with all that is below it.
struct Tree {
  std::string path;
  // Nothing can be changed through what is opened.
  bool read_only = false;
};

// Starts workers. Thread-safe.
class Launcher {
 public:
  virtual ~Launcher() = default;

  // Starts a worker. Errors: UNAVAILABLE where no worker can be made now; INTERNAL
  // (SANDBOX_FAILED).
  virtual absl::StatusOr<std::unique_ptr<Worker>> Launch(const WorkerNeeds& needs) = 0;

  // Opens directories for a worker of the storage profile, at most 4, in their order. Each is the
  // root of a mount that is attached nowhere: nothing is above it, no device opens in it, no
  // symbolic link is followed there. Errors: FAILED_PRECONDITION (SANDBOX_FAILED) where no such
  // worker can be confined here, with what is missing; UNAVAILABLE; INTERNAL.
  virtual absl::StatusOr<std::vector<UniqueFd>> OpenTrees(const std::vector<Tree>& trees) = 0;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_SANDBOX_LAUNCHER_H_
