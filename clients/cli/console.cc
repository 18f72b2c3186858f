#include "clients/cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/time/clock.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

absl::Status WriteAll(int fd, absl::string_view text, absl::string_view name) {
  while (!text.empty()) {
    ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return ErrnoError(errno, name);
    }
    text.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

Console::Console(int out_fd, int err_fd)
    : out_fd_(out_fd),
      err_fd_(err_fd),
      out_is_terminal_(isatty(out_fd) == 1),
      err_is_terminal_(isatty(err_fd) == 1),
      start_(absl::Now()) {}

absl::Status Console::Write(absl::string_view text) {
  return WriteAll(out_fd_, text, "write standard output");
}

void Console::WriteError(absl::string_view text) {
  WriteAll(err_fd_, text, "write standard error").IgnoreError();
}

void Console::Log(LogLevel level, absl::string_view message) {
  if (level == LogLevel::kDebug && !debug_) {
    return;
  }
  absl::Time now = absl::Now();
  std::string line = err_is_terminal_ ? LogrusTerminalLine(level, message, now - start_)
                                      : LogrusPlainLine(level, message, now, absl::LocalTimeZone());
  WriteError(line);
}

Console::Size Console::TerminalSize() const {
  constexpr Size kDefault = {80, 24};
  winsize size;
  if (ioctl(out_fd_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return kDefault;
  }
  return {size.ws_col, size.ws_row};
}

}  // namespace holkas
