#include "worker/storage/layer_unpacker.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/storage/tar_path.h"

namespace holkas {
namespace {

constexpr absl::string_view kWhiteoutPrefix = ".wh.";
constexpr absl::string_view kOpaqueName = ".wh..wh..opq";
// Other names of a kind of union file system that nobody has any more.
constexpr absl::string_view kReservedPrefix = ".wh..wh.";
// By these, overlay would look for files elsewhere, or hide some.
constexpr absl::string_view kOverlayXattrs[] = {"trusted.overlay.", "user.overlay."};
constexpr char kUserOpaqueXattr[] = "user.overlay.opaque";

// What directories get that the tar has no entry for.
constexpr mode_t kImpliedMode = 0755;
constexpr size_t kShownBytes = 256;
constexpr size_t kHeaderBytes = 512;

std::string Shown(absl::string_view name) { return absl::CHexEscape(name.substr(0, kShownBytes)); }

bool IsOfOverlay(absl::string_view xattr) {
  return std::any_of(std::begin(kOverlayXattrs), std::end(kOverlayXattrs),
                     [&](absl::string_view prefix) { return absl::StartsWith(xattr, prefix); });
}

absl::Status Invalid(absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_LAYER", message);
}

// As peers have them: of links any, else what a 64-bit number of nanoseconds holds, or the
// beginning.
timespec TimeOf(const TarEntry& entry) {
  constexpr int64_t kMaxSeconds = 9'223'372'036;
  const bool is_kept = entry.kind == TarEntry::Kind::kSymlink ||
                       (entry.mtime_seconds >= 0 && entry.mtime_seconds < kMaxSeconds);
  return is_kept ? timespec{.tv_sec = entry.mtime_seconds, .tv_nsec = entry.mtime_nanoseconds}
                 : timespec{.tv_sec = 0, .tv_nsec = 0};
}

absl::Status RemoveAt(int parent, const std::string& name) {
  return Directory(UniqueFd(fcntl(parent, F_DUPFD_CLOEXEC, 0))).Remove(name);
}

// Times that the file system cannot have are the nearest that it can.
absl::Status SetTimesOf(int fd, const timespec& mtime) {
  const timespec times[2] = {mtime, mtime};
  return futimens(fd, times) == 0 ? absl::OkStatus() : ErrnoError(errno, "set the times of a file");
}

}  // namespace

int64_t EntriesOf(const TarEntry& entry) {
  return 1 + static_cast<int64_t>(entry.xattrs.size()) / LayerBudget::kXattrsOfEntry +
         entry.sparse_parts / LayerBudget::kPartsOfEntry;
}

LayerUnpacker::LayerUnpacker(Directory root, WhiteoutForm whiteouts, LayerRights rights,
                             TarSplitWriter& tar_split)
    : root_(std::move(root)),
      whiteouts_(whiteouts),
      rights_(std::move(rights)),
      tar_split_(tar_split) {}

absl::Status LayerUnpacker::OnRaw(absl::string_view bytes) {
  RETURN_IF_ERROR(Describe(bytes.size()));
  return tar_split_.AddSegment(bytes);
}

absl::Status LayerUnpacker::OnEntry(const TarEntry& entry) {
  entry_ = entry;
  path_ = CleanTarPath(entry_.name);
  RETURN_IF_ERROR(CountEntry(path_, EntriesOf(entry_)));
  if (budget_ != nullptr) {
    RETURN_IF_ERROR(budget_->TakeTar(entry_.sparse_parts * LayerBudget::kBlockBytes));
  }
  crc64_.Reset();
  // One more tells that there are too many.
  if (uids_.size() <= kMaxIds) {
    uids_.insert(entry_.uid);
  }
  if (gids_.size() <= kMaxIds) {
    gids_.insert(entry_.gid);
  }
  return Unpack();
}

absl::Status LayerUnpacker::OnContent(int64_t offset, absl::string_view bytes) {
  if (!file_.valid()) {
    // Nobody could read it there again.
    return entry_.is_sparse ? absl::OkStatus() : OnRaw(bytes);
  }
  if (!entry_.is_sparse) {
    crc64_.Update(bytes);
  }
  while (!bytes.empty()) {
    const ssize_t count = entry_.is_sparse ? pwrite(file_.get(), bytes.data(), bytes.size(), offset)
                                           : write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) {
      return EntryError(errno, "write");
    }
    const auto done = static_cast<size_t>(std::max<ssize_t>(count, 0));
    offset += static_cast<int64_t>(done);
    bytes.remove_prefix(done);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> LayerUnpacker::MoveContent(const Directory& from, const std::string& name,
                                                const Crc64& crc64) {
  if (!file_.valid()) {
    return false;
  }
  ASSIGN_OR_RETURN(UniqueFd moved, from.OpenFile(name, O_WRONLY));
  ASSIGN_OR_RETURN(const int parent, OpenParent(std::string(TarPathParent(path_))));
  // In place of the empty file that was made for it.
  const std::string base(TarPathBase(path_));
  if (renameat2(from.fd(), name.c_str(), parent, base.c_str(), 0) != 0) {
    return EntryError(errno, "move the content of");
  }
  file_ = std::move(moved);
  crc64_ = crc64;
  return true;
}

absl::Status LayerUnpacker::OnEntryEnd() {
  const bool is_kept = file_.valid() && !entry_.is_sparse;
  if (file_.valid()) {
    if (entry_.is_sparse && ftruncate(file_.get(), entry_.size_bytes) != 0) {
      return EntryError(errno, "write");
    }
    // Writing takes capabilities and set-user-id bits away, and sets times.
    RETURN_IF_ERROR(SetOwnerAndMode(file_.get()));
    RETURN_IF_ERROR(SetXattrs(file_.get()));
    RETURN_IF_ERROR(SetTimes(file_.get()));
    file_.reset();
  }
  return tar_split_.AddFile(entry_.name, is_kept ? entry_.size_bytes : 0, crc64_.Bytes());
}

absl::Status LayerUnpacker::Finish() {
  // The last of a path is the one that holds.
  for (const DirectoryTimes& directory : directories_) {
    const UniqueFd fd(OpenBelow(root_.fd(), directory.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                                RESOLVE_NO_SYMLINKS));
    if (fd.valid()) {
      RETURN_IF_ERROR(SetTimesOf(fd.get(), directory.mtime));
    }
  }
  return absl::OkStatus();
}

absl::Status LayerUnpacker::Unpack() {
  if (path_.empty()) {
    return absl::OkStatus();  // the root is the store's
  }
  const absl::string_view base = TarPathBase(path_);
  if (whiteouts_ != WhiteoutForm::kFiles && absl::StartsWith(base, kWhiteoutPrefix)) {
    return UnpackWhiteout(std::string(TarPathParent(path_)), base);
  }
  ASSIGN_OR_RETURN(const int parent, OpenParent(std::string(TarPathParent(path_))));
  if (parent < 0) {
    return Invalid(absl::StrCat("unpack ", Shown(path_), ": what it is in is no directory"));
  }
  RETURN_IF_ERROR(RememberMade(path_));
  const std::string name(base);
  switch (entry_.kind) {
    case TarEntry::Kind::kFile:
      return UnpackFile(parent, name);
    case TarEntry::Kind::kDirectory:
      return UnpackDirectory(parent, name);
    case TarEntry::Kind::kHardLink:
      return UnpackHardLink(parent, name);
    case TarEntry::Kind::kSymlink:
      return UnpackSymlink(parent, name);
    case TarEntry::Kind::kCharDevice:
      return UnpackDevice(parent, name, S_IFCHR);
    case TarEntry::Kind::kBlockDevice:
      return UnpackDevice(parent, name, S_IFBLK);
    case TarEntry::Kind::kFifo:
      return UnpackFifo(parent, name);
  }
  return absl::OkStatus();
}

absl::Status LayerUnpacker::UnpackWhiteout(const std::string& parent, absl::string_view base) {
  if (base == kOpaqueName) {
    return MarkOpaque(parent);
  }
  if (absl::StartsWith(base, kReservedPrefix)) {
    return absl::OkStatus();
  }
  const std::string name(absl::StripPrefix(base, kWhiteoutPrefix));
  if (name.empty() || name == "." || name == "..") {
    return Invalid(absl::StrCat("a whiteout named ", Shown(base)));
  }
  return MakeWhiteout(parent, name);
}

absl::Status LayerUnpacker::MakeWhiteout(const std::string& parent, const std::string& name) {
  ASSIGN_OR_RETURN(const int directory, OpenParent(parent));
  if (directory < 0) {
    return absl::OkStatus();  // deleted itself, with all that was in it
  }
  if (whiteouts_ == WhiteoutForm::kApplied) {
    const std::string path = parent.empty() ? name : absl::StrCat(parent, "/", name);
    if (made_.contains(path)) {
      return absl::OkStatus();
    }
    parent_.reset();
    ASSIGN_OR_RETURN(const int again, OpenParent(parent));
    return RemoveAt(again, name);
  }
  // What this layer has of the name is not meant: a whiteout is about the layers below.
  if (mknodat(directory, name.c_str(), S_IFCHR, 0) != 0) {
    return errno == EEXIST ? absl::OkStatus() : EntryError(errno, "make the whiteout");
  }
  return SetOwnerByName(directory, name);
}

absl::Status LayerUnpacker::MarkOpaque(const std::string& path) {
  ASSIGN_OR_RETURN(const int directory, OpenParent(path));
  if (directory < 0) {
    return absl::OkStatus();
  }
  switch (whiteouts_) {
    case WhiteoutForm::kApplied:
      return RemoveBelow(path);
    case WhiteoutForm::kOverlay:
      RETURN_IF_ERROR(CountEntry(path, LayerBudget::kEntriesOfCall));
      return rights_.mark_opaque(path);
    case WhiteoutForm::kOverlayUser:
      return fsetxattr(directory, kUserOpaqueXattr, "y", 1, 0) == 0
                 ? absl::OkStatus()
                 : EntryError(errno, "make opaque");
    case WhiteoutForm::kFiles:
      break;
  }
  return absl::OkStatus();
}

// Removes what the layers below have in a directory.
absl::Status LayerUnpacker::RemoveBelow(const std::string& path) {
  // Directories of this layer that have not been looked into; each has made something.
  std::vector<std::string> left = {path};
  parent_.reset();
  while (!left.empty()) {
    const std::string current = std::move(left.back());
    left.pop_back();
    UniqueFd fd(OpenDirectory(root_.fd(), current));
    if (!fd.valid()) {
      continue;  // a file of this layer
    }
    const Directory directory(std::move(fd));
    ASSIGN_OR_RETURN(const std::vector<std::string> names, directory.List(/*max_names=*/1 << 20));
    names_ += static_cast<int64_t>(names.size()) * (kNamesOfEntry / kSingleNamesOfEntry);
    for (const std::string& name : names) {
      const std::string inner = current.empty() ? name : absl::StrCat(current, "/", name);
      if (made_.contains(inner)) {
        struct stat info = {};
        if (fstatat(directory.fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(info.st_mode)) {
          left.push_back(inner);
        }
      } else {
        RETURN_IF_ERROR(directory.Remove(name));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status LayerUnpacker::Replace(int parent, const std::string& base, absl::string_view verb,
                                    const std::function<int()>& make) {
  if (make() >= 0) {
    return absl::OkStatus();
  }
  if (errno != EEXIST) {
    return EntryError(errno, verb);
  }
  RETURN_IF_ERROR(RemoveAt(parent, base));
  return make() >= 0 ? absl::OkStatus() : EntryError(errno, verb);
}

absl::Status LayerUnpacker::UnpackFile(int parent, const std::string& base) {
  return Replace(parent, base, "make", [&] {
    file_.reset(OpenBelow(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600,
                          RESOLVE_NO_SYMLINKS));
    return file_.get();
  });
}

absl::Status LayerUnpacker::UnpackDirectory(int parent, const std::string& base) {
  UniqueFd fd;
  if (mkdirat(parent, base.c_str(), 0700) != 0) {
    if (errno != EEXIST) {
      return EntryError(errno, "make");
    }
    fd.reset(OpenBelow(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS));
    if (!fd.valid()) {
      RETURN_IF_ERROR(
          Replace(parent, base, "make", [&] { return mkdirat(parent, base.c_str(), 0700); }));
    }
  }
  if (!fd.valid()) {
    fd.reset(OpenBelow(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS));
  }
  if (!fd.valid()) {
    return EntryError(errno, "open");
  }
  RETURN_IF_ERROR(SetOwnerAndMode(fd.get()));
  RETURN_IF_ERROR(SetXattrs(fd.get()));
  RETURN_IF_ERROR(Remember(path_.size()));
  directories_.push_back({path_, TimeOf(entry_)});
  return absl::OkStatus();
}

absl::Status LayerUnpacker::UnpackHardLink(int parent, const std::string& base) {
  const std::string target = CleanTarPath(entry_.link_name);
  const UniqueFd directory(OpenDirectory(root_.fd(), TarPathParent(target)));
  const std::string target_base(TarPathBase(target));
  if (!directory.valid() || target_base.empty()) {
    return Invalid(absl::StrCat("unpack ", Shown(path_), ": a link to ", Shown(target),
                                ", which is not there"));
  }
  if (target == path_) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(Replace(parent, base, absl::StrCat("link to ", Shown(target)), [&] {
    return linkat(directory.get(), target_base.c_str(), parent, base.c_str(), 0);
  }));
  return UpdateLinked(parent, base);
}

// The file is what its last entry says. What is so already is not set again: with the owner,
// capabilities would go.
absl::Status LayerUnpacker::UpdateLinked(int parent, const std::string& base) {
  struct stat info = {};
  if (fstatat(parent, base.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return EntryError(errno, "look at");
  }
  if (info.st_uid != entry_.uid || info.st_gid != entry_.gid) {
    RETURN_IF_ERROR(SetOwnerByName(parent, base));
  }
  if (!S_ISLNK(info.st_mode) && (info.st_mode & 07777) != entry_.mode &&
      fchmodat(parent, base.c_str(), entry_.mode, 0) != 0) {
    return EntryError(errno, "set the mode of");
  }
  if (S_ISREG(info.st_mode) && !entry_.xattrs.empty()) {
    const UniqueFd fd(
        OpenBelow(parent, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, RESOLVE_NO_SYMLINKS));
    if (!fd.valid()) {
      return EntryError(errno, "open");
    }
    RETURN_IF_ERROR(SetXattrs(fd.get()));
  }
  return SetTimesByName(parent, base);
}

absl::Status LayerUnpacker::UnpackSymlink(int parent, const std::string& base) {
  RETURN_IF_ERROR(Replace(parent, base, "make", [&] {
    return symlinkat(entry_.link_name.c_str(), parent, base.c_str());
  }));
  RETURN_IF_ERROR(SetOwnerByName(parent, base));
  return SetTimesByName(parent, base);
}

absl::Status LayerUnpacker::UnpackFifo(int parent, const std::string& base) {
  RETURN_IF_ERROR(Replace(parent, base, "make",
                          [&] { return mknodat(parent, base.c_str(), S_IFIFO | 0600, 0); }));
  return DescribeNode(parent, base);
}

absl::Status LayerUnpacker::UnpackDevice(int parent, const std::string& base, mode_t type) {
  const dev_t device = makedev(entry_.device_major, entry_.device_minor);
  if (device != static_cast<uint32_t>(device)) {
    return EntryError(EINVAL, "make");  // as the kernel says it
  }
  RETURN_IF_ERROR(CountEntry(path_, LayerBudget::kEntriesOfCall));
  struct stat before = {};
  if (fstatat(parent, base.c_str(), &before, AT_SYMLINK_NOFOLLOW) == 0) {
    RETURN_IF_ERROR(RemoveAt(parent, base));
  } else if (errno != ENOENT) {
    return EntryError(errno, "make");
  }
  ASSIGN_OR_RETURN(const bool made, rights_.make_device(parent, base, type, device));
  return made ? DescribeNode(parent, base) : absl::OkStatus();
}

absl::Status LayerUnpacker::DescribeNode(int parent, const std::string& base) {
  RETURN_IF_ERROR(SetOwnerByName(parent, base));
  // It was made just now, and is no link.
  if (fchmodat(parent, base.c_str(), entry_.mode, 0) != 0) {
    return EntryError(errno, "set the mode of");
  }
  return SetTimesByName(parent, base);
}

// A path through no link takes one call.
int LayerUnpacker::OpenDirectory(int root, absl::string_view path) {
  CountNames(path);
  const int fd =
      OpenBelow(root, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
  if (fd >= 0 || errno != ELOOP) {
    return fd;
  }
  const WalkInRoot walk = WalkToDirectory(root, path, 0);
  names_ += walk.names * (kNamesOfEntry / kSingleNamesOfEntry);
  return walk.fd;
}

absl::StatusOr<int> LayerUnpacker::OpenParent(const std::string& path) {
  if (parent_.valid() && parent_path_ == path) {
    return parent_.get();
  }
  parent_.reset(OpenDirectory(root_.fd(), path));
  if (!parent_.valid() && errno == ENOENT) {
    ASSIGN_OR_RETURN(parent_, MakeParents(path));
  }
  parent_path_ = path;
  if (!parent_.valid() && errno != ENOTDIR) {
    return EntryError(errno, "open the directory of");
  }
  return parent_.get();
}

absl::StatusOr<UniqueFd> LayerUnpacker::MakeParents(const std::string& path) {
  // Where its parts end; at most as many as a path has bytes.
  std::vector<size_t> ends = {0};
  for (size_t end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1)) {
    ends.push_back(end);
  }
  ends.push_back(path.size());
  // What is below a part that is missing is missing, too: halving finds the first.
  size_t there = 0;
  for (size_t missing = ends.size() - 1; missing - there > 1;) {
    const size_t middle = (there + missing) / 2;
    const UniqueFd fd(OpenDirectory(root_.fd(), path.substr(0, ends[middle])));
    (fd.valid() || errno != ENOENT ? there : missing) = middle;
  }
  UniqueFd above(OpenDirectory(root_.fd(), path.substr(0, ends[there])));
  for (size_t i = there; i + 1 < ends.size() && above.valid(); ++i) {
    const std::string below = path.substr(0, ends[i + 1]);
    RETURN_IF_ERROR(CountEntry(below));
    ASSIGN_OR_RETURN(above, MakeImplied(above.get(), std::string(TarPathBase(below))));
  }
  return above;
}

absl::StatusOr<UniqueFd> LayerUnpacker::MakeImplied(int above, const std::string& base) {
  // Costs what a header costs.
  RETURN_IF_ERROR(Describe(kHeaderBytes));
  if (mkdirat(above, base.c_str(), kImpliedMode) != 0) {
    return EntryError(errno, "make the directory of");
  }
  UniqueFd made(OpenDirectory(above, base));
  if (!made.valid() || fchmod(made.get(), kImpliedMode) != 0) {
    return EntryError(errno, "make the directory of");
  }
  return made;
}

absl::Status LayerUnpacker::Describe(size_t bytes) {
  return budget_ == nullptr ? absl::OkStatus()
                            : budget_->TakeDescription(static_cast<int64_t>(bytes));
}

// Each directory on the way is looked at whenever something is made or removed below it.
void LayerUnpacker::CountNames(absl::string_view path) {
  names_ += std::count(path.begin(), path.end(), '/');
}

absl::Status LayerUnpacker::CountEntry(absl::string_view path, int64_t entries) {
  CountNames(path);
  const int64_t of_names = names_ / kNamesOfEntry;
  names_ %= kNamesOfEntry;
  return budget_ == nullptr ? absl::OkStatus() : budget_->TakeEntries(entries + of_names);
}

absl::Status LayerUnpacker::SetOwnerAndMode(int fd) {
  if (fchown(fd, entry_.uid, entry_.gid) != 0) {
    return OwnerError(errno);
  }
  return fchmod(fd, entry_.mode) == 0 ? absl::OkStatus() : EntryError(errno, "set the mode of");
}

absl::Status LayerUnpacker::SetOwnerByName(int parent, const std::string& base) const {
  return fchownat(parent, base.c_str(), entry_.uid, entry_.gid, AT_SYMLINK_NOFOLLOW) == 0
             ? absl::OkStatus()
             : OwnerError(errno);
}

absl::Status LayerUnpacker::SetXattrs(int fd) const {
  for (const auto& [name, value] : entry_.xattrs) {
    if (IsOfOverlay(name) || name.find('\0') != std::string::npos) {
      continue;
    }
    if (fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0 && errno != EOPNOTSUPP &&
        errno != EPERM) {
      return EntryError(errno, absl::StrCat("set ", Shown(name), " of"));
    }
  }
  return absl::OkStatus();
}

absl::Status LayerUnpacker::SetTimes(int fd) const { return SetTimesOf(fd, TimeOf(entry_)); }

absl::Status LayerUnpacker::SetTimesByName(int parent, const std::string& base) const {
  const timespec times[2] = {TimeOf(entry_), TimeOf(entry_)};
  return utimensat(parent, base.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0
             ? absl::OkStatus()
             : EntryError(errno, "set the times of");
}

// The directories that it is in are the layer's, too.
absl::Status LayerUnpacker::RememberMade(absl::string_view path) {
  if (whiteouts_ != WhiteoutForm::kApplied) {
    return absl::OkStatus();
  }
  for (; !path.empty() && made_.insert(std::string(path)).second; path = TarPathParent(path)) {
    RETURN_IF_ERROR(Remember(path.size()));
  }
  return absl::OkStatus();
}

absl::Status LayerUnpacker::Remember(size_t bytes) {
  remembered_bytes_ += bytes;
  return remembered_bytes_ <= kMaxRememberedBytes
             ? absl::OkStatus()
             : MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                         absl::StrCat("a layer whose directories' names have more than ",
                                      kMaxRememberedBytes, " bytes"));
}

absl::Status LayerUnpacker::OwnerError(int error_number) const {
  if (error_number == EPERM || error_number == EINVAL) {
    return absl::FailedPreconditionError(absl::StrCat(
        "potentially insufficient UIDs or GIDs available in user namespace (requested ", entry_.uid,
        ":", entry_.gid, " for /", Shown(path_),
        "): check /etc/subuid and /etc/subgid: ", ErrnoError(error_number, "lchown").message()));
  }
  return EntryError(error_number, "set the owner of");
}

absl::Status LayerUnpacker::EntryError(int error_number, absl::string_view verb) const {
  const std::string what = absl::StrCat("unpack a layer: ", verb, " ", Shown(path_));
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case EINVAL:
    case ENAMETOOLONG:
    case EMLINK:
    case EFBIG:
      return Invalid(ErrnoError(error_number, what).message());
    default:
      return ErrnoError(error_number, what);
  }
}

}  // namespace holkas
