#include "clients/cli/open_pipe.h"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/file_error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(50);

}  // namespace

absl::Status AwaitInput(int input, const CheckWait& check) {
  pollfd entry = {input, POLLIN, 0};
  while (poll(&entry, 1, static_cast<int>(absl::ToInt64Milliseconds(kTick))) <= 0) {
    RETURN_IF_ERROR(check());
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenPipe(const std::string& path, int flags, const CheckWait& check) {
  UniqueFd pipe(open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK));
  // Nobody reads it yet.
  while (!pipe.valid() && errno == ENXIO) {
    RETURN_IF_ERROR(check());
    absl::SleepFor(kTick);
    pipe = UniqueFd(open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK));
  }
  if (!pipe.valid()) {
    return FileError(errno, "open", path);
  }
  // A reader keeps the pipe open meanwhile: a writer that came would be lost.
  if ((flags & O_ACCMODE) == O_RDONLY) {
    RETURN_IF_ERROR(AwaitInput(pipe.get(), check));
  }
  if (fcntl(pipe.get(), F_SETFL, flags) != 0) {
    return FileError(errno, "open", path);
  }
  return pipe;
}

}  // namespace holkas
