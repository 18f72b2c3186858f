#ifndef HOLKAS_WORKER_STORAGE_DIRECTORY_H_
#define HOLKAS_WORKER_STORAGE_DIRECTORY_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// A directory of which everything below is reached by its descriptor alone: paths are relative, and
// no link, no `..` and no mount of the kernel's leads out of it, whatever somebody put there. What
// the store's code does with files it does through one of these.
//
// Errors everywhere, beside those named: NOT_FOUND for what is not there; FAILED_PRECONDITION for a
// link where none is expected, or a file of another kind; RESOURCE_EXHAUSTED (DISK_FULL).
class Directory {
 public:
  explicit Directory(UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }

  // `path` has one name or several; no part of it is a symbolic link.
  absl::StatusOr<Directory> OpenDirectory(absl::string_view path) const;
  // A regular file; `flags` and `mode` as openat's.
  absl::StatusOr<UniqueFd> OpenFile(absl::string_view path, int flags, mode_t mode = 0) const;
  absl::StatusOr<bool> Exists(absl::string_view path) const;

  // All bytes of a regular file.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for more than `max_bytes`.
  absl::StatusOr<std::string> ReadFile(absl::string_view path, int64_t max_bytes) const;

  // Writes a file in this directory itself, durably: the old file is there until the new one is
  // whole. `name` is one name.
  absl::Status WriteFile(absl::string_view name, absl::string_view bytes, mode_t mode) const;

  // The names of this directory but `.` and `..`, in no order.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for more than `max_names`.
  absl::StatusOr<std::vector<std::string>> List(size_t max_names) const;

  // Makes a directory, and sets its mode whatever the umask is. ALREADY_EXISTS where it is there.
  absl::Status MakeDirectory(absl::string_view name, mode_t mode) const;
  // The same where it may be there already; then its mode stays.
  absl::StatusOr<Directory> MakeOrOpenDirectory(absl::string_view name, mode_t mode) const;

  // Moves `name` of this directory to `to`, where nothing may be of the name (ALREADY_EXISTS).
  absl::Status Move(absl::string_view name, const Directory& to, absl::string_view to_name) const;

  // The same for a regular file, to another mount or file system if need be; there it is copied.
  absl::Status MoveFile(absl::string_view name, const Directory& to, absl::string_view to_name,
                        mode_t mode) const;

  // Removes whatever `name` is, a directory with all that is in it, however deep. Nothing there is
  // no error.
  absl::Status Remove(absl::string_view name) const;

  // Makes the names of this directory durable.
  absl::Status Sync() const;

 private:
  UniqueFd fd_;
};

// Opens `path` below `directory` as openat2 with `resolve` (RESOLVE_*) in addition to what keeps it
// below. A descriptor, or -1 and errno.
int OpenBelow(int directory, absl::string_view path, uint64_t flags, mode_t mode, uint64_t resolve);

// Opens the directory that `path` means where `root` is the root of all paths, links included. It
// is done without the kernel's help, which follows no link in a store's mounts. A descriptor, or -1
// and errno.
int OpenInRoot(int root, absl::string_view path, uint64_t flags);

// The same, with what it took.
struct WalkInRoot {
  int fd = -1;
  // How many names were looked up, those of links included. At most 1024: more is ELOOP.
  int64_t names = 0;
};
WalkInRoot WalkToDirectory(int root, absl::string_view path, uint64_t flags);

// Writes all of `bytes` at the descriptor's position.
absl::Status WriteAll(int fd, absl::string_view bytes, absl::string_view what);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_DIRECTORY_H_
