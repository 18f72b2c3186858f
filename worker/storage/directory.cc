#include "worker/storage/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Directories that a path passes through; each takes a descriptor.
constexpr int kMaxDepth = 512;
// Remove holds a descriptor for each level, of which a worker has few: what is deeper it first
// moves up.
constexpr int kMaxRemoveDepth = 32;
// How many names of a directory Remove has in memory at once.
constexpr size_t kRemovedAtOnce = 1 << 10;
// What the kernel can be interrupted with before an openat2 beneath is given up (EAGAIN: somebody
// renamed on the way).
constexpr int kMaxOpenAttempts = 16;
constexpr size_t kListBufferBytes = 32 << 10;

std::string Shown(absl::string_view path) { return absl::CHexEscape(path.substr(0, 256)); }

absl::Status PathError(int error_number, absl::string_view verb, absl::string_view path) {
  const std::string what = absl::StrCat(verb, " ", Shown(path));
  if (error_number == ELOOP || error_number == EXDEV || error_number == ENOTDIR) {
    return absl::FailedPreconditionError(absl::StrCat(ErrnoError(error_number, what).message()));
  }
  return ErrnoError(error_number, what);
}

absl::Status LimitExceeded(absl::string_view message) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED", message);
}

// The record of getdents64.
struct DirectoryEntry {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
};
constexpr size_t kEntryNameOffset = 19;

// What is copied because it cannot be renamed is a layer's tar-split, which is read as a whole.
constexpr int64_t kMaxMovedBytes = 256 << 20;
// Nobody has longer chains of links; the kernel follows as many.
constexpr int kMaxLinks = 40;
// Links have names enough for tens of thousands, there and back.
constexpr int64_t kMaxWalkedNames = 1024;
constexpr size_t kMaxLinkBytes = 4096;

// Appends names of a directory, but `.` and `..`, from where its descriptor is; at most so many,
// and what else the kernel has at hand.
absl::Status ReadNames(int directory, size_t max_names, std::vector<std::string>& names) {
  const auto buffer = std::make_unique<char[]>(kListBufferBytes);
  while (names.size() <= max_names) {
    const int64_t count = syscall(__NR_getdents64, directory, buffer.get(), kListBufferBytes);
    if (count < 0) {
      return ErrnoError(errno, "list a directory");
    }
    if (count == 0) {
      break;
    }
    for (int64_t at = 0; at + static_cast<int64_t>(sizeof(DirectoryEntry)) <= count;) {
      DirectoryEntry entry;
      std::memcpy(&entry, buffer.get() + at, sizeof entry);
      const absl::string_view name(buffer.get() + at + kEntryNameOffset);
      at += entry.length;
      if (name != "." && name != "..") {
        names.emplace_back(name);
      }
    }
  }
  return absl::OkStatus();
}

// Removes a tree, however deep it is and however many names its directories have.
class TreeRemover {
 public:
  absl::Status Remove(int directory, const std::string& name, int depth);

 private:
  absl::Status RemoveContent(int directory, const std::string& name, int depth);
  absl::Status MoveUp(int directory, const std::string& name);

  int top_ = -1;  // the directory that is removed, while its content is
};

// What is removed or moved up leaves the rest to be listed again.
absl::Status TreeRemover::RemoveContent(int directory, const std::string& name, int depth) {
  const UniqueFd fd(
      OpenBelow(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS));
  if (!fd.valid()) {
    return PathError(errno, "open", name);
  }
  if (depth == 0) {
    top_ = fd.get();
  }
  while (true) {
    std::vector<std::string> names;
    if (lseek(fd.get(), 0, SEEK_SET) < 0) {
      return PathError(errno, "list", name);
    }
    RETURN_IF_ERROR(ReadNames(fd.get(), kRemovedAtOnce, names));
    if (names.empty()) {
      return absl::OkStatus();
    }
    for (const std::string& below : names) {
      RETURN_IF_ERROR(Remove(fd.get(), below, depth + 1));
    }
  }
}

absl::Status TreeRemover::MoveUp(int directory, const std::string& name) {
  uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) {
    return ErrnoError(errno, "get random bytes");
  }
  const std::string moved = absl::StrFormat(".deep-%016x", random);
  return renameat2(directory, name.c_str(), top_, moved.c_str(), RENAME_NOREPLACE) == 0
             ? absl::OkStatus()
             : PathError(errno, "move", name);
}

absl::Status TreeRemover::Remove(int directory, const std::string& name, int depth) {
  if (unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  if (errno != EISDIR && errno != EPERM) {
    return PathError(errno, "remove", name);
  }
  if (depth == kMaxRemoveDepth) {
    return MoveUp(directory, name);
  }
  RETURN_IF_ERROR(RemoveContent(directory, name, depth));
  if (unlinkat(directory, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return PathError(errno, "remove", name);
  }
  return absl::OkStatus();
}

}  // namespace

int OpenBelow(int directory, absl::string_view path, uint64_t flags, mode_t mode,
              uint64_t resolve) {
  const std::string text(path);
  if (text.empty() || text.find('\0') != std::string::npos) {
    errno = EINVAL;
    return -1;
  }
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  if ((resolve & RESOLVE_IN_ROOT) == 0) {
    how.resolve |= RESOLVE_BENEATH;
  }
  int fd = -1;
  for (int i = 0; i < kMaxOpenAttempts; ++i) {
    fd = static_cast<int>(syscall(__NR_openat2, directory, text.c_str(), &how, sizeof how));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) {
      break;
    }
  }
  return fd;
}

int OpenInRoot(int root, absl::string_view path, uint64_t flags) {
  return WalkToDirectory(root, path, flags).fd;
}

WalkInRoot WalkToDirectory(int root, absl::string_view path, uint64_t flags) {
  WalkInRoot walk;
  // What is left of the path, the next name last, and the directories passed through.
  std::vector<std::string> left;
  std::vector<UniqueFd> passed;
  int links = 0;
  const auto push = [&left](absl::string_view text) {
    const std::vector<std::string> names = absl::StrSplit(text, '/', absl::SkipEmpty());
    left.insert(left.end(), names.rbegin(), names.rend());
  };
  push(path);
  while (!left.empty()) {
    const std::string name = std::move(left.back());
    left.pop_back();
    if (++walk.names > kMaxWalkedNames) {
      errno = ELOOP;
      return walk;
    }
    const int current = passed.empty() ? root : passed.back().get();
    if (name == ".") {
      continue;
    }
    if (name == "..") {
      if (!passed.empty()) {
        passed.pop_back();
      }
      continue;
    }
    char target[kMaxLinkBytes];
    const ssize_t count = readlinkat(current, name.c_str(), target, sizeof target);
    if (count >= 0) {
      if (++links > kMaxLinks || static_cast<size_t>(count) == sizeof target) {
        errno = ELOOP;
        return walk;
      }
      const absl::string_view text(target, static_cast<size_t>(count));
      if (absl::StartsWith(text, "/")) {
        passed.clear();
      }
      push(text);
      continue;
    }
    if (errno != EINVAL) {
      return walk;
    }
    UniqueFd next(
        OpenBelow(current, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS));
    if (!next.valid() || passed.size() == kMaxDepth) {
      return walk;
    }
    passed.push_back(std::move(next));
  }
  walk.fd = OpenBelow(passed.empty() ? root : passed.back().get(), ".",
                      O_RDONLY | O_DIRECTORY | flags, 0, RESOLVE_NO_SYMLINKS);
  return walk;
}

absl::Status WriteAll(int fd, absl::string_view bytes, absl::string_view what) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) {
      return ErrnoError(errno, absl::StrCat("write ", what));
    }
    bytes.remove_prefix(static_cast<size_t>(std::max<ssize_t>(count, 0)));
  }
  return absl::OkStatus();
}

absl::StatusOr<Directory> Directory::OpenDirectory(absl::string_view path) const {
  UniqueFd fd(OpenBelow(fd_.get(), path, O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS));
  if (!fd.valid()) {
    return PathError(errno, "open", path);
  }
  return Directory(std::move(fd));
}

absl::StatusOr<UniqueFd> Directory::OpenFile(absl::string_view path, int flags, mode_t mode) const {
  UniqueFd fd(OpenBelow(fd_.get(), path, static_cast<uint64_t>(flags) | O_NONBLOCK | O_NOCTTY, mode,
                        RESOLVE_NO_SYMLINKS));
  if (!fd.valid()) {
    return PathError(errno, "open", path);
  }
  struct stat info = {};
  if (fstat(fd.get(), &info) != 0) {
    return PathError(errno, "open", path);
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("open ", Shown(path), ": not a regular file"));
  }
  return fd;
}

absl::StatusOr<bool> Directory::Exists(absl::string_view path) const {
  const UniqueFd fd(OpenBelow(fd_.get(), path, O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS));
  if (fd.valid() || errno == ELOOP) {
    return true;
  }
  if (errno == ENOENT) {
    return false;
  }
  return PathError(errno, "open", path);
}

absl::StatusOr<std::string> Directory::ReadFile(absl::string_view path, int64_t max_bytes) const {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  struct stat info = {};
  if (fstat(fd.get(), &info) != 0) {
    return PathError(errno, "read", path);
  }
  // One byte more than the file has, so that one read also sees its end.
  std::string bytes(static_cast<size_t>(std::clamp<int64_t>(info.st_size, 0, max_bytes)) + 1, '\0');
  size_t done = 0;
  while (true) {
    const ssize_t count = read(fd.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return PathError(errno, "read", path);
    }
    done += static_cast<size_t>(count);
    if (count == 0) {
      bytes.resize(done);
      return bytes;
    }
    if (done > static_cast<size_t>(max_bytes)) {
      return LimitExceeded(absl::StrCat("read ", Shown(path), ": more than ", max_bytes, " bytes"));
    }
    if (done == bytes.size()) {
      bytes.resize(std::min<size_t>(2 * done, static_cast<size_t>(max_bytes) + 1));
    }
  }
}

absl::Status Directory::WriteFile(absl::string_view name, absl::string_view bytes,
                                  mode_t mode) const {
  uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) {
    return ErrnoError(errno, "get random bytes");
  }
  // The names that peers give their own unfinished files.
  const std::string temporary = absl::StrFormat(".tmp-%s%016x", name.substr(0, 64), random);
  const std::string final_name(name);
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
  absl::Status status = WriteAll(fd.get(), bytes, Shown(name));
  if (status.ok() && (fchmod(fd.get(), mode) != 0 || fsync(fd.get()) != 0)) {
    status = PathError(errno, "write", name);
  }
  if (status.ok() &&
      renameat2(fd_.get(), temporary.c_str(), fd_.get(), final_name.c_str(), /*flags=*/0) != 0) {
    status = PathError(errno, "replace", name);
  }
  if (!status.ok()) {
    unlinkat(fd_.get(), temporary.c_str(), 0);
    return status;
  }
  return Sync();
}

absl::StatusOr<std::vector<std::string>> Directory::List(size_t max_names) const {
  if (lseek(fd_.get(), 0, SEEK_SET) < 0) {
    return ErrnoError(errno, "list a directory");
  }
  std::vector<std::string> names;
  RETURN_IF_ERROR(ReadNames(fd_.get(), max_names, names));
  if (names.size() > max_names) {
    return LimitExceeded(absl::StrCat("list a directory: more than ", max_names, " names"));
  }
  return names;
}

absl::Status Directory::MakeDirectory(absl::string_view name, mode_t mode) const {
  const std::string text(name);
  if (mkdirat(fd_.get(), text.c_str(), mode) != 0) {
    return PathError(errno, "make directory", name);
  }
  ASSIGN_OR_RETURN(const Directory made, OpenDirectory(name));
  if (fchmod(made.fd(), mode) != 0) {
    return PathError(errno, "make directory", name);
  }
  return absl::OkStatus();
}

absl::StatusOr<Directory> Directory::MakeOrOpenDirectory(absl::string_view name,
                                                         mode_t mode) const {
  const absl::Status made = MakeDirectory(name, mode);
  if (!made.ok() && !absl::IsAlreadyExists(made)) {
    return made;
  }
  return OpenDirectory(name);
}

absl::Status Directory::Move(absl::string_view name, const Directory& to,
                             absl::string_view to_name) const {
  const std::string from_text(name);
  const std::string to_text(to_name);
  if (renameat2(fd_.get(), from_text.c_str(), to.fd_.get(), to_text.c_str(), RENAME_NOREPLACE) !=
      0) {
    return PathError(errno, absl::StrCat("move ", Shown(name), " to"), to_name);
  }
  return absl::OkStatus();
}

absl::Status Directory::MoveFile(absl::string_view name, const Directory& to,
                                 absl::string_view to_name, mode_t mode) const {
  const std::string from_text(name);
  const std::string to_text(to_name);
  if (renameat2(fd_.get(), from_text.c_str(), to.fd_.get(), to_text.c_str(), RENAME_NOREPLACE) ==
      0) {
    return absl::OkStatus();
  }
  if (errno != EXDEV) {
    return PathError(errno, absl::StrCat("move ", Shown(name), " to"), to_name);
  }
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(name, kMaxMovedBytes));
  return to.WriteFile(to_name, bytes, mode);
}

absl::Status Directory::Remove(absl::string_view name) const {
  return TreeRemover().Remove(fd_.get(), std::string(name), 0);
}

absl::Status Directory::Sync() const {
  return fsync(fd_.get()) == 0 ? absl::OkStatus() : ErrnoError(errno, "sync a directory");
}

}  // namespace holkas
