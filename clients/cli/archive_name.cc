#include "clients/cli/archive_name.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "clients/cli/file_error.h"
#include "proto/wire/image_reference.h"

namespace holkas {
namespace {

constexpr absl::string_view kDocker = "docker-archive:";
constexpr absl::string_view kOci = "oci-archive:";

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

std::optional<ArchiveName> ParseArchive(const std::string& image) {
  const absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  if (!reference.ok()) {
    return std::nullopt;
  }
  ArchiveName name;
  absl::string_view transport = kDocker;
  if (reference->docker_archive() != nullptr) {
    name.path = reference->docker_archive()->path;
    name.format = holkas::v1::ARCHIVE_FORMAT_DOCKER;
  } else if (reference->oci_archive() != nullptr) {
    name.path = reference->oci_archive()->path;
    name.format = holkas::v1::ARCHIVE_FORMAT_OCI;
    transport = kOci;
  } else {
    return std::nullopt;
  }
  const size_t end = transport.size() + name.path.size();
  name.image = image.size() > end ? image.substr(end + 1) : "";
  return name;
}

std::string WithPath(const std::string& image, const std::string& path) {
  const size_t begin = image.find(':') + 1;
  const size_t end = begin + ParseArchive(image).value_or(ArchiveName()).path.size();
  return absl::StrCat(image.substr(0, begin), path, image.substr(end));
}

bool IsArchive(const std::string& image) {
  return absl::StartsWith(image, kDocker) || absl::StartsWith(image, kOci);
}

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
