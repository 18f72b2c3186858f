#include "clients/cli/spooled_input.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "clients/cli/archive_name.h"
#include "clients/cli/archive_stream.h"
#include "clients/cli/open_pipe.h"
#include "proto/wire/error.h"
#include "proto/wire/image_reference.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr size_t kBufferBytes = 256 << 10;
// Where Skopeo has its large temporary files.
constexpr char kDirectory[] = "/var/tmp";

absl::StatusOr<UniqueFd> NewFile() {
  UniqueFd file(open(kDirectory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid()) {
    file = UniqueFd(memfd_create("holkas-input", MFD_CLOEXEC));
  }
  if (!file.valid()) {
    return ErrnoError(errno, "create temporary file");
  }
  return file;
}

absl::Status WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return ErrnoError(errno, "write temporary file");
    }
    bytes.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

CheckWait Until(absl::Time deadline) {
  return [deadline] {
    return absl::Now() < deadline ? absl::OkStatus()
                                  : absl::DeadlineExceededError("the deadline passed");
  };
}

absl::StatusOr<UniqueFd> ReadAll(int input_fd, const CheckWait& check) {
  ASSIGN_OR_RETURN(UniqueFd file, NewFile());
  const auto buffer = std::make_unique_for_overwrite<char[]>(kBufferBytes);
  while (true) {
    RETURN_IF_ERROR(AwaitInput(input_fd, check));
    const ssize_t count = read(input_fd, buffer.get(), kBufferBytes);
    if (count < 0 && errno != EINTR && errno != EAGAIN) {
      return ErrnoError(errno, "read");
    }
    if (count == 0) {
      return file;
    }
    if (count > 0) {
      RETURN_IF_ERROR(WriteAll(file.get(), {buffer.get(), static_cast<size_t>(count)}));
    }
  }
}

}  // namespace

absl::StatusOr<std::string> SpooledInput::Spool(int input_fd, absl::string_view name,
                                                absl::Time deadline) {
  absl::StatusOr<UniqueFd> file = ReadAll(input_fd, Until(deadline));
  RETURN_IF_ERROR(WithContext(file.status(), name));
  std::string place = absl::StrCat("/proc/", getpid(), "/fd/", file->get());
  files_.push_back(*std::move(file));
  return place;
}

absl::Status SpooledInput::ResolveStream(std::string& image, absl::Time deadline) {
  if (!IsStream(image)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const UniqueFd stream, OpenArchive(image, Until(deadline)));
  ASSIGN_OR_RETURN(const std::string place, Spool(stream.get(), image, deadline));
  image = WithPath(image, place);
  return absl::OkStatus();
}

absl::Status SpooledInput::Resolve(std::string& image, int input_fd, absl::Time deadline) {
  const absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  if (!reference.ok() || reference->tarball() == nullptr) {
    return absl::OkStatus();
  }
  std::vector<std::string> paths = reference->tarball()->paths;
  for (std::string& path : paths) {
    if (path == "-") {
      ASSIGN_OR_RETURN(path, Spool(input_fd, "standard input", deadline));
    }
  }
  image = absl::StrCat("tarball:", absl::StrJoin(paths, ":"));
  return absl::OkStatus();
}

}  // namespace holkas
