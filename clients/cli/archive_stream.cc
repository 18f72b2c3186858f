#include "clients/cli/archive_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "clients/cli/archive_name.h"
#include "clients/cli/file_error.h"

namespace holkas {
namespace {

// The number of the descriptor of this process that `path` names; nothing for other paths.
std::optional<int> DescriptorOf(absl::string_view path) {
  if (path == "/dev/stdin") {
    return STDIN_FILENO;
  }
  if (path == "/dev/stdout") {
    return STDOUT_FILENO;
  }
  absl::string_view digits = path;
  int number = -1;
  const bool names_one = (absl::ConsumePrefix(&digits, "/dev/fd/") ||
                          absl::ConsumePrefix(&digits, "/proc/self/fd/")) &&
                         absl::SimpleAtoi(digits, &number) && number >= 0 &&
                         digits == absl::StrCat(number);
  return names_one ? std::optional<int>(number) : std::nullopt;
}

}  // namespace

bool IsStream(const std::string& image) {
  const std::optional<ArchiveName> archive = ParseArchive(image);
  if (!archive.has_value() || DescriptorOf(archive->path).has_value()) {
    return archive.has_value();
  }
  struct stat info = {};
  return stat(archive->path.c_str(), &info) == 0 &&
         (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode));
}

bool IsStandardOutput(const std::string& image) {
  const std::optional<ArchiveName> archive = ParseArchive(image);
  return archive.has_value() && DescriptorOf(archive->path) == STDOUT_FILENO;
}

absl::StatusOr<UniqueFd> OpenStream(const std::string& path, int flags, const CheckWait& check) {
  constexpr int kBehindStandardStreams = STDERR_FILENO + 1;
  const std::optional<int> descriptor = DescriptorOf(path);
  if (struct stat info = {};
      !descriptor.has_value() && stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode)) {
    return OpenPipe(path, flags, check);
  }
  UniqueFd stream(descriptor.has_value()
                      ? fcntl(*descriptor, F_DUPFD_CLOEXEC, kBehindStandardStreams)
                      : open(path.c_str(), flags | O_CLOEXEC));
  if (!stream.valid()) {
    return FileError(errno, "open", path);
  }
  return stream;
}

absl::StatusOr<UniqueFd> OpenArchive(const std::string& source, const CheckWait& check) {
  const std::optional<ArchiveName> archive = ParseArchive(source);
  if (!archive.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(source, " is not an archive"));
  }
  const std::string& path = archive->path;
  if (IsStream(source)) {
    return OpenStream(path, O_RDONLY, check);
  }
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info = {};
  if (!file.valid() || fstat(file.get(), &info) != 0) {
    return FileError(errno, "open", path);
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat("open ", path, ": not a regular file"));
  }
  return file;
}

}  // namespace holkas
