#include "proto/wire/read_config_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

// People's files have some kilobytes; one that is larger is none of them.
constexpr size_t kMaxFileBytes = 1 << 20;

}  // namespace

absl::StatusOr<std::string> ReadConfigFile(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("open ", path));
  }
  std::string text(kMaxFileBytes + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return ErrnoError(errno, absl::StrCat("read ", path));
    }
    if (got == 0) {
      break;
    }
    size += static_cast<size_t>(got);
  }
  if (size > kMaxFileBytes) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
                     absl::StrCat(path, ": larger than ", kMaxFileBytes, " bytes"));
  }
  text.resize(size);
  return text;
}

}  // namespace holkas
