#include "worker/zygote/tree_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "zygote/zygote.pb.h"

namespace holkas {
namespace {

// What is mounted below the directory comes along: who has a disk at `overlay` means that disk.
absl::StatusOr<UniqueFd> OpenTree(const std::string& path, bool read_only) {
  const UniqueFd tree(static_cast<int>(syscall(
      __NR_open_tree, AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  if (!tree.valid()) {
    return ErrnoError(errno, absl::StrCat("open_tree ", path));
  }
  mount_attr attributes = {};
  attributes.attr_set =
      MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW;
  attributes.attr_set |= read_only ? MOUNT_ATTR_RDONLY : 0;
  attributes.propagation = MS_PRIVATE;
  if (syscall(__NR_mount_setattr, tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
              sizeof(attributes)) != 0) {
    return ErrnoError(errno, absl::StrCat("mount_setattr ", path));
  }
  struct stat status = {};
  if (fstat(tree.get(), &status) != 0) {
    return ErrnoError(errno, absl::StrCat("stat ", path));
  }
  // What is at hand has the rights of its path alone, and is opened again, in the copy of the
  // mount.
  const std::string itself = absl::StrCat("/proc/self/fd/", tree.get());
  UniqueFd opened(S_ISREG(status.st_mode)
                      ? open(itself.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
                      : openat(tree.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.valid()) {
    return ErrnoError(errno, absl::StrCat("open ", path));
  }
  return opened;
}

absl::StatusOr<std::vector<UniqueFd>> OpenTrees(const zygote::TreesRequest& request) {
  std::vector<UniqueFd> directories;
  for (const zygote::Tree& tree : request.trees()) {
    ASSIGN_OR_RETURN(UniqueFd directory, OpenTree(tree.path(), tree.read_only()));
    directories.push_back(std::move(directory));
  }
  return directories;
}

// False where holkasd has hung up.
bool ServeRequest(FrameChannel& requests) {
  zygote::TreesRequest request;
  if (!requests.Receive(request).ok()) {
    return false;
  }
  zygote::TreesReply reply;
  const absl::StatusOr<std::vector<UniqueFd>> directories = OpenTrees(request);
  std::vector<int> fds;
  if (directories.ok()) {
    for (const UniqueFd& directory : *directories) {
      fds.push_back(directory.get());
    }
  } else {
    reply.set_error(std::string(directories.status().message()));
  }
  reply.set_count(static_cast<uint32_t>(fds.size()));
  return requests.Send(reply, fds).ok();
}

}  // namespace

void KeepTrees(FrameChannel& requests, int zygote_pidfd) {
  bool serving = true;
  while (true) {
    pollfd entries[] = {{zygote_pidfd, POLLIN, 0}, {serving ? requests.fd() : -1, POLLIN, 0}};
    if (poll(entries, 2, -1) < 0 && errno != EINTR) {
      return;
    }
    if (entries[0].revents != 0) {
      return;
    }
    if (entries[1].revents != 0) {
      serving = ServeRequest(requests);
    }
  }
}

}  // namespace holkas
