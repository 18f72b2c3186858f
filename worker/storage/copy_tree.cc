#include "worker/storage/copy_tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/storage/tar_path.h"

namespace holkas {
namespace {

constexpr int kMaxDepth = 512;
constexpr size_t kMaxNames = 1 << 20;
constexpr size_t kBufferBytes = 128 << 10;
constexpr size_t kMaxLinkBytes = 4096;

absl::Status CopyError(absl::string_view name) {
  return ErrnoError(errno, absl::StrCat("copy ", absl::CHexEscape(name.substr(0, 256))));
}

class TreeCopier {
 public:
  TreeCopier(const Directory& top, LayerBudget& budget)
      : top_(top), budget_(budget), buffer_(kBufferBytes) {}

  // `path` is that of both directories below the tops.
  absl::Status CopyDirectory(const Directory& from, const Directory& to, const std::string& path,
                             int depth);

 private:
  absl::Status CopyEntry(const Directory& from, const Directory& to, const std::string& path,
                         const std::string& name, int depth);
  absl::Status CopyInnerDirectory(const Directory& from, const Directory& to,
                                  const std::string& path, const std::string& name,
                                  const struct stat& info, int depth);
  absl::Status CopyFile(const Directory& from, const Directory& to, const std::string& name,
                        const struct stat& info);
  absl::Status CopySymlink(const Directory& from, const Directory& to, const std::string& name);
  absl::Status CopyContent(int from, int to, const std::string& name);
  absl::Status CopyRange(int from, int to, off_t begin, off_t end, const std::string& name);
  absl::Status CopyXattrs(int from, int to, const std::string& name) const;
  absl::Status LinkTo(const std::string& first, const Directory& to, const std::string& name);

  const Directory& top_;
  LayerBudget& budget_;
  std::vector<char> buffer_;
  // Where the first name of a file of several names is.
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;
};

absl::Status TreeCopier::CopyDirectory(const Directory& from, const Directory& to,
                                       const std::string& path, int depth) {
  if (depth == kMaxDepth) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("more than ", kMaxDepth, " directories in one another"));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> names, from.List(kMaxNames));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(budget_.TakeEntries(1));
    RETURN_IF_ERROR(
        CopyEntry(from, to, path.empty() ? name : absl::StrCat(path, "/", name), name, depth));
  }
  return absl::OkStatus();
}

absl::Status TreeCopier::CopyEntry(const Directory& from, const Directory& to,
                                   const std::string& path, const std::string& name, int depth) {
  struct stat info = {};
  if (fstatat(from.fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return CopyError(name);
  }
  if (S_ISDIR(info.st_mode)) {
    return CopyInnerDirectory(from, to, path, name, info, depth);
  }
  if (info.st_nlink > 1) {
    const auto [first, is_new] = linked_.emplace(std::pair(info.st_dev, info.st_ino), path);
    if (!is_new) {
      return LinkTo(first->second, to, name);
    }
  }
  if (S_ISREG(info.st_mode)) {
    return CopyFile(from, to, name, info);
  }
  if (S_ISLNK(info.st_mode)) {
    RETURN_IF_ERROR(CopySymlink(from, to, name));
  } else if (S_ISSOCK(info.st_mode)) {
    return absl::OkStatus();
  } else if (mknodat(to.fd(), name.c_str(), info.st_mode, info.st_rdev) != 0) {
    // A device that a peer made; who has no right to make one gets the layer without.
    const bool is_forbidden = errno == EPERM && (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode));
    return is_forbidden ? absl::OkStatus() : CopyError(name);
  } else if (fchmodat(to.fd(), name.c_str(), info.st_mode & 07777, 0) != 0) {
    return CopyError(name);
  }
  const timespec times[2] = {info.st_atim, info.st_mtim};
  const bool done =
      fchownat(to.fd(), name.c_str(), info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) == 0 &&
      utimensat(to.fd(), name.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0;
  return done ? absl::OkStatus() : CopyError(name);
}

absl::Status TreeCopier::CopyInnerDirectory(const Directory& from, const Directory& to,
                                            const std::string& path, const std::string& name,
                                            const struct stat& info, int depth) {
  ASSIGN_OR_RETURN(const Directory inner, from.OpenDirectory(name));
  RETURN_IF_ERROR(to.MakeDirectory(name, 0700));
  ASSIGN_OR_RETURN(const Directory made, to.OpenDirectory(name));
  RETURN_IF_ERROR(CopyDirectory(inner, made, path, depth + 1));
  const timespec times[2] = {info.st_atim, info.st_mtim};
  if (fchown(made.fd(), info.st_uid, info.st_gid) != 0 ||
      fchmod(made.fd(), info.st_mode & 07777) != 0) {
    return CopyError(name);
  }
  RETURN_IF_ERROR(CopyXattrs(inner.fd(), made.fd(), name));
  return futimens(made.fd(), times) == 0 ? absl::OkStatus() : CopyError(name);
}

absl::Status TreeCopier::CopyFile(const Directory& from, const Directory& to,
                                  const std::string& name, const struct stat& info) {
  ASSIGN_OR_RETURN(const UniqueFd source, from.OpenFile(name, O_RDONLY));
  ASSIGN_OR_RETURN(const UniqueFd copy, to.OpenFile(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  RETURN_IF_ERROR(CopyContent(source.get(), copy.get(), name));
  if (fchown(copy.get(), info.st_uid, info.st_gid) != 0 ||
      fchmod(copy.get(), info.st_mode & 07777) != 0) {
    return CopyError(name);
  }
  RETURN_IF_ERROR(CopyXattrs(source.get(), copy.get(), name));
  const timespec times[2] = {info.st_atim, info.st_mtim};
  return futimens(copy.get(), times) == 0 ? absl::OkStatus() : CopyError(name);
}

// Holes stay holes: of a few bytes of a tar comes a file as large as a file can be.
absl::Status TreeCopier::CopyContent(int from, int to, const std::string& name) {
  const off_t size = lseek(from, 0, SEEK_END);
  if (size < 0 || ftruncate(to, size) != 0) {
    return CopyError(name);
  }
  // Each turn is a run of data, which somebody wrote.
  for (off_t at = 0; at < size;) {
    const off_t begin = lseek(from, at, SEEK_DATA);
    if (begin < 0) {
      return errno == ENXIO ? absl::OkStatus() : CopyError(name);
    }
    at = lseek(from, begin, SEEK_HOLE);
    if (at < 0) {
      return CopyError(name);
    }
    RETURN_IF_ERROR(CopyRange(from, to, begin, at, name));
  }
  return absl::OkStatus();
}

absl::Status TreeCopier::CopyRange(int from, int to, off_t begin, off_t end,
                                   const std::string& name) {
  RETURN_IF_ERROR(budget_.TakeCopied(end - begin));
  if (lseek(from, begin, SEEK_SET) < 0 || lseek(to, begin, SEEK_SET) < 0) {
    return CopyError(name);
  }
  while (begin < end) {
    const size_t wanted = static_cast<size_t>(std::min<off_t>(end - begin, kBufferBytes));
    const ssize_t count = read(from, buffer_.data(), wanted);
    if (count < 0 && errno != EINTR) {
      return CopyError(name);
    }
    if (count == 0) {
      return absl::OkStatus();  // it became shorter
    }
    const size_t done = static_cast<size_t>(std::max<ssize_t>(count, 0));
    RETURN_IF_ERROR(WriteAll(to, absl::string_view(buffer_.data(), done), "a copy"));
    begin += static_cast<off_t>(done);
  }
  return absl::OkStatus();
}

absl::Status TreeCopier::CopySymlink(const Directory& from, const Directory& to,
                                     const std::string& name) {
  char target[kMaxLinkBytes];
  const ssize_t count = readlinkat(from.fd(), name.c_str(), target, sizeof target);
  if (count < 0 || static_cast<size_t>(count) == sizeof target) {
    return CopyError(name);
  }
  const std::string text(target, static_cast<size_t>(count));
  return symlinkat(text.c_str(), to.fd(), name.c_str()) == 0 ? absl::OkStatus() : CopyError(name);
}

absl::Status TreeCopier::CopyXattrs(int from, int to, const std::string& name) const {
  char names[XATTR_LIST_MAX];
  const ssize_t count = flistxattr(from, names, sizeof names);
  if (count < 0) {
    return errno == EOPNOTSUPP ? absl::OkStatus() : CopyError(name);
  }
  std::vector<char> value;
  const absl::string_view all(names, static_cast<size_t>(count));
  for (const std::string& xattr :
       std::vector<std::string>(absl::StrSplit(all, '\0', absl::SkipEmpty()))) {
    value.resize(XATTR_SIZE_MAX);
    const ssize_t size = fgetxattr(from, xattr.c_str(), value.data(), value.size());
    if (size < 0) {
      return CopyError(name);
    }
    if (fsetxattr(to, xattr.c_str(), value.data(), static_cast<size_t>(size), 0) != 0 &&
        errno != EPERM && errno != EOPNOTSUPP) {
      return CopyError(name);
    }
  }
  return absl::OkStatus();
}

absl::Status TreeCopier::LinkTo(const std::string& first, const Directory& to,
                                const std::string& name) {
  const absl::string_view parent = TarPathParent(first);
  const UniqueFd directory(OpenBelow(top_.fd(), parent.empty() ? "." : parent,
                                     O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS));
  const std::string base(TarPathBase(first));
  return directory.valid() && linkat(directory.get(), base.c_str(), to.fd(), name.c_str(), 0) == 0
             ? absl::OkStatus()
             : CopyError(name);
}

}  // namespace

absl::Status CopyTree(const Directory& from, const Directory& to, LayerBudget& budget) {
  return TreeCopier(to, budget).CopyDirectory(from, to, "", 0);
}

}  // namespace holkas
