#include "service/broker/file_content.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/digester.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

// While holkasd starts another program, its descriptors exist twice for a moment.
constexpr int kWriterTries = 20;
constexpr absl::Duration kBetweenWriterTries = absl::Milliseconds(10);

absl::Status Mismatch(const Digest& digest, absl::string_view got, absl::string_view want) {
  return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                   absl::StrCat("blob ", digest.ToString(), ": got ", got, ", want ", want));
}

// Gives the file's first `size_bytes` bytes to `take`, piece by piece. What it returns is how many
// there were.
absl::StatusOr<int64_t> ReadPieces(int fd, int64_t size_bytes, const Cancellation& cancellation,
                                   absl::FunctionRef<absl::Status(absl::string_view)> take) {
  auto buffer = std::make_unique<char[]>(kBufferBytes);
  int64_t done = 0;
  while (done < size_bytes) {
    if (cancellation.cancelled()) {
      return absl::CancelledError("read file: cancelled");
    }
    size_t wanted = std::min<int64_t>(kBufferBytes, size_bytes - done);
    ssize_t got = pread(fd, buffer.get(), wanted, done);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return ErrnoError(errno, "read file");
    }
    if (got == 0) {
      break;
    }
    RETURN_IF_ERROR(take(absl::string_view(buffer.get(), got)));
    done += got;
  }
  return done;
}

absl::Status WriteAll(int fd, absl::string_view data) {
  while (!data.empty()) {
    ssize_t written = write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return ErrnoError(errno, "write file");
    }
    data.remove_prefix(written);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> HasWriter(int read_fd) {
  for (int i = 0; i < kWriterTries; ++i) {
    if (fcntl(read_fd, F_SETLEASE, F_RDLCK) == 0) {
      fcntl(read_fd, F_SETLEASE, F_UNLCK);
      return false;
    }
    if (errno != EAGAIN) {
      return absl::UnimplementedError("leases are not supported");
    }
    absl::SleepFor(kBetweenWriterTries);
  }
  return true;
}

absl::Status CheckContent(int read_fd, const Digest& digest, int64_t size_bytes,
                          const Cancellation& cancellation) {
  struct stat status = {};
  if (fstat(read_fd, &status) != 0) {
    return ErrnoError(errno, "stat file");
  }
  if (status.st_size != size_bytes) {
    return Mismatch(digest, absl::StrCat(status.st_size, " bytes"), absl::StrCat(size_bytes));
  }
  Digester digester(digest.algorithm());
  auto take = [&digester](absl::string_view piece) {
    digester.Update(piece);
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(int64_t done, ReadPieces(read_fd, size_bytes, cancellation, take));
  if (done != size_bytes) {
    return Mismatch(digest, absl::StrCat(done, " bytes"), absl::StrCat(size_bytes));
  }
  Digest got = digester.Finish();
  return got == digest ? absl::OkStatus()
                       : Mismatch(digest, absl::StrCat("content ", got.ToString()), "that digest");
}

absl::Status CopyContent(int from, int to, int64_t size_bytes, const Cancellation& cancellation) {
  auto take = [to](absl::string_view piece) { return WriteAll(to, piece); };
  ASSIGN_OR_RETURN(int64_t done, ReadPieces(from, size_bytes, cancellation, take));
  return done == size_bytes ? absl::OkStatus()
                            : absl::DataLossError(absl::StrCat("copy file: got ", done,
                                                               " bytes, want ", size_bytes));
}

}  // namespace holkas
