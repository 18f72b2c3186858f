#include "proto/credentials/auth_file_update.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/credentials/auth_file.h"
#include "proto/credentials/auth_file_json.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "proto/wire/wipe.h"

namespace holkas {
namespace {

using nlohmann::json;

// Changes the root of a file; whether there is something to write.
using Edit = absl::FunctionRef<bool(json& root)>;

// How often a change is made again that another program came between.
constexpr int kMaxAttempts = 100;
// A change takes milliseconds; who holds the lock for longer is no change.
constexpr absl::Duration kMaxLockWait = absl::Seconds(10);

// The file that `path` leads to, split into its directory and its name in there.
struct Place {
  std::string directory;
  std::string name;
};

Place PlaceOf(const std::string& path) {
  std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
  std::string file = real == nullptr ? path : real.get();
  size_t slash = file.rfind('/');
  if (slash == std::string::npos) {
    return {".", file};
  }
  return {slash == 0 ? "/" : file.substr(0, slash), file.substr(slash + 1)};
}

absl::Status MakeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    std::string parent = path.substr(0, slash);
    if (mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) {
      return ErrnoError(errno, absl::StrCat("mkdir ", parent));
    }
    if (slash == std::string::npos) {
      return absl::OkStatus();
    }
  }
}

// Keeps other changes out as long as `directory` is open. File systems that have no such lock are
// left to the comparison before the end.
absl::Status Lock(int directory, const std::string& path) {
  constexpr absl::Duration kPause = absl::Milliseconds(5);
  absl::Time deadline = absl::Now() + kMaxLockWait;
  while (flock(directory, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return absl::OkStatus();
    }
    if (absl::Now() > deadline) {
      return absl::AbortedError(absl::StrCat("lock ", path,
                                             ": somebody else has held the lock for ",
                                             absl::FormatDuration(kMaxLockWait)));
    }
    absl::SleepFor(kPause);
  }
  return absl::OkStatus();
}

// What tells one state of a file from another.
struct FileState {
  bool exists = false;
  ino_t inode = 0;
  off_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;
  bool operator==(const FileState&) const = default;
};

FileState StateOf(int directory, const std::string& name) {
  struct stat info;
  if (fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return {};
  }
  auto nanoseconds = [](const timespec& time) {
    return absl::ToUnixNanos(absl::TimeFromTimespec(time));
  };
  return {true, info.st_ino, info.st_size, nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

absl::Status WriteAndSync(int file, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return ErrnoError(errno, absl::StrCat("write ", path));
    }
    bytes.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
  }
  return fsync(file) == 0 ? absl::OkStatus() : ErrnoError(errno, absl::StrCat("sync ", path));
}

// A written file beside the one that it is to replace, under a name that it loses when this is
// destroyed. The name is always the same: one that was left behind goes with the next change.
class TemporaryFile {
 public:
  TemporaryFile(int directory, const std::string& name)
      : directory_(directory), name_(absl::StrCat(".", name, ".holkas")) {}
  ~TemporaryFile() { unlinkat(directory_, name_.c_str(), 0); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  // Writes it without a name, which it gets when it is whole: who is killed leaves no secrets
  // behind. Where the file system cannot, it has its name from the start.
  absl::Status Write(absl::string_view bytes, const std::string& path) {
    unlinkat(directory_, name_.c_str(), 0);
    UniqueFd file(openat(directory_, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
    bool named = !file.valid();
    if (named) {
      file.reset(openat(directory_, name_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
    }
    if (!file.valid() || fchmod(file.get(), 0600) != 0) {
      return ErrnoError(errno, absl::StrCat("create a file beside ", path));
    }
    RETURN_IF_ERROR(WriteAndSync(file.get(), bytes, path));
    if (!named && linkat(AT_FDCWD, absl::StrCat("/proc/self/fd/", file.get()).c_str(), directory_,
                         name_.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      return ErrnoError(errno, absl::StrCat("create a file beside ", path));
    }
    return absl::OkStatus();
  }

  // Puts it in the place of `name`.
  absl::Status Rename(const std::string& name, const std::string& path) {
    if (renameat(directory_, name_.c_str(), directory_, name.c_str()) != 0) {
      return ErrnoError(errno, absl::StrCat("write ", path));
    }
    // The change is made; a file system that does not sync directories does not unmake it.
    (void)fsync(directory_);
    return absl::OkStatus();
  }

 private:
  const int directory_;
  const std::string name_;
};

absl::StatusOr<json> ReadRoot(const std::string& path) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, ReadAuthFileBytes(path));
  if (!bytes.has_value()) {
    return json::object();
  }
  WipedAtEnd wiped(*bytes);
  // What could not be read again is not to be written.
  RETURN_IF_ERROR(AuthFile::Parse(*bytes, path, AuthFileFormat::kAuths).status());
  return ParseAuthJson(*bytes);
}

// Makes the change once. False where another program came between.
absl::StatusOr<bool> UpdateOnce(int directory, const std::string& name, const std::string& path,
                                Edit edit) {
  const FileState before = StateOf(directory, name);
  ASSIGN_OR_RETURN(json root, ReadRoot(path));
  json& auths = root["auths"];
  if (auths.is_null()) {
    auths = json::object();
  }
  if (!edit(root)) {
    return true;
  }
  std::string bytes = root.dump(1, '\t');
  WipedAtEnd wiped(bytes);
  TemporaryFile file(directory, name);
  RETURN_IF_ERROR(file.Write(bytes, path));
  if (StateOf(directory, name) != before) {
    return false;
  }
  RETURN_IF_ERROR(file.Rename(name, path));
  return true;
}

absl::Status Update(const std::string& path, Edit edit) {
  const Place place = PlaceOf(path);
  RETURN_IF_ERROR(MakeDirectories(place.directory));
  UniqueFd directory(open(place.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) {
    return ErrnoError(errno, absl::StrCat("open ", place.directory));
  }
  RETURN_IF_ERROR(Lock(directory.get(), path));
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    ASSIGN_OR_RETURN(bool done, UpdateOnce(directory.get(), place.name, path, edit));
    if (done) {
      return absl::OkStatus();
    }
  }
  return absl::AbortedError(absl::StrCat("write ", path, ": another program keeps changing it"));
}

}  // namespace

absl::Status SetAuth(const std::string& path, const std::string& key, const UserPassword& login) {
  std::string pair = absl::StrCat(login.user, ":", login.password);
  WipedAtEnd wiped(pair);
  return Update(path, [&](json& root) {
    root["auths"][key] = {{"auth", absl::Base64Escape(pair)}};
    return true;
  });
}

absl::Status SetAuthInStore(const std::string& path, const std::string& key) {
  return Update(path, [&](json& root) {
    root["auths"][key] = json::object();
    return true;
  });
}

absl::StatusOr<bool> RemoveAuth(const std::string& path, const std::string& key) {
  bool removed = false;
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    return removed;
  }
  RETURN_IF_ERROR(Update(path, [&](json& root) {
    removed = root["auths"].erase(key) > 0;
    return removed;
  }));
  return removed;
}

absl::Status RemoveAllAuths(const std::string& path, bool docker_compatible) {
  return Update(path, [&](json& root) {
    root["auths"] = json::object();
    if (!docker_compatible) {
      root.erase("credHelpers");
    }
    return true;
  });
}

}  // namespace holkas
