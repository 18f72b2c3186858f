#include "service/jobs/open_stores.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr mode_t kStoreMode = 0700;

absl::Status Failed(absl::string_view verb, const std::string& path) {
  const absl::Status status = ErrnoError(errno, absl::StrCat(verb, " ", path));
  return absl::IsPermissionDenied(status)
             ? MakeError(status.code(), "PATH_DENIED", status.message(), {{"path", path}})
             : status;
}

absl::Status MakeDirectories(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), kStoreMode) != 0 && errno != EEXIST) {
      return Failed("mkdir", part);
    }
    if (end == std::string::npos) {
      return absl::OkStatus();
    }
  }
}

// That the directory which the launcher opened is the one that this process finds there: they see
// the same mounts, unless one was made since the launcher's process began and not passed on to it.
absl::Status CheckSame(const std::string& path, const UniqueFd& opened) {
  struct stat there = {};
  struct stat given = {};
  if (stat(path.c_str(), &there) != 0) {
    return Failed("stat", path);
  }
  if (fstat(opened.get(), &given) != 0 || there.st_dev != given.st_dev ||
      there.st_ino != given.st_ino) {
    return absl::FailedPreconditionError(absl::StrCat(
        "open storage ", path, ": it was mounted since holkasd began; start holkasd again"));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenReadOnly(const std::string& path, Launcher& launcher) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) ||
      faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0) {
    return UniqueFd();  // who asks for it finds out why
  }
  if (status.st_nlink == 0) {
    // Standard input, which its sender keeps in a file without a name: nobody else's, and only its
    // sender's processes may follow the path.
    UniqueFd unnamed(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return unnamed.valid() ? absl::StatusOr<UniqueFd>(std::move(unnamed)) : Failed("open", path);
  }
  ASSIGN_OR_RETURN(std::vector<UniqueFd> opened, launcher.OpenTrees({{path, true}}));
  RETURN_IF_ERROR(CheckSame(path, opened.front()));
  return std::move(opened.front());
}

absl::StatusOr<std::vector<UniqueFd>> OpenSourceFiles(const ReadPathGrant& grant,
                                                      Launcher& launcher) {
  std::vector<UniqueFd> files;
  ASSIGN_OR_RETURN(files.emplace_back(), OpenReadOnly(grant.path, launcher));
  for (const std::string& path : grant.further_paths) {
    ASSIGN_OR_RETURN(files.emplace_back(), OpenReadOnly(path, launcher));
  }
  return files;
}

}  // namespace

absl::StatusOr<OpenedStores> OpenStores(const Grants& grants, Launcher& launcher) {
  OpenedStores stores;
  std::vector<Tree> trees;
  for (const auto* grant : {&grants.source_store, &grants.destination_store}) {
    if (grant->has_value()) {
      for (const std::string& path : {(*grant)->graph_root, (*grant)->run_root}) {
        RETURN_IF_ERROR(MakeDirectories(path));
        trees.push_back({path, !(*grant)->writable});
      }
    }
  }
  if (trees.empty()) {
    return stores;
  }
  const bool has_source_files =
      grants.source_path.has_value() && grants.source_path->kind == ReadPathGrant::Kind::kFile;
  const bool has_source_root = grants.source_path.has_value() && !has_source_files;
  if (has_source_root) {
    trees.push_back({grants.source_path->path, true});
  }
  const bool has_source_blobs = has_source_root && !grants.source_path->blob_directory.empty();
  if (has_source_blobs) {
    trees.push_back({grants.source_path->blob_directory, true});
  }
  ASSIGN_OR_RETURN(std::vector<UniqueFd> opened, launcher.OpenTrees(trees));
  for (size_t i = 0; i < trees.size(); ++i) {
    RETURN_IF_ERROR(CheckSame(trees[i].path, opened[i]));
  }
  size_t next = 0;
  for (const auto& [grant, store] : {std::pair(&grants.source_store, &stores.source),
                                     std::pair(&grants.destination_store, &stores.destination)}) {
    if (grant->has_value()) {
      *store = StoreDirectories{std::move(opened[next]), std::move(opened[next + 1])};
      next += 2;
      stores.directories.push_back({(*store)->graph_root.get(), (*grant)->writable});
      stores.directories.push_back({(*store)->run_root.get(), (*grant)->writable});
    }
  }
  if (has_source_root) {
    stores.source_root = std::move(opened[next++]);
  }
  if (has_source_blobs) {
    stores.source_blobs = std::move(opened[next]);
  }
  // The archive that the caller sent is the server's own.
  if (has_source_files && grants.source_path->spooled == nullptr) {
    ASSIGN_OR_RETURN(stores.source_files, OpenSourceFiles(*grants.source_path, launcher));
  }
  return stores;
}

}  // namespace holkas
