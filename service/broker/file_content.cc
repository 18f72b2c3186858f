#include "service/broker/file_content.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/digester.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr size_t kBufferBytes = 256 << 10;
// What a processor of today with SHA instructions hashes.
constexpr double kHashedBytesPerSecond = 2e9;

// While holkasd starts another program, its descriptors exist twice for a moment.
constexpr int kWriterTries = 20;
constexpr absl::Duration kBetweenWriterTries = absl::Milliseconds(10);

absl::Status Mismatch(absl::string_view got, absl::string_view want) {
  return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                   absl::StrCat("got ", got, ", want ", want));
}

// The first bytes of a file, piece by piece.
class FilePieces {
 public:
  FilePieces(int fd, int64_t size_bytes, const Cancellation& cancellation)
      : fd_(fd), size_bytes_(size_bytes), cancellation_(cancellation) {}

  // The next piece, there until the next call; nothing at the end, and after an error.
  absl::string_view Next() {
    const size_t wanted = std::min<int64_t>(kBufferBytes, size_bytes_ - done_bytes_);
    if (!status_.ok() || wanted == 0) {
      return {};
    }
    if (cancellation_.cancelled()) {
      status_ = absl::CancelledError("read file: cancelled");
      return {};
    }
    ssize_t got = 0;
    do {
      got = pread(fd_, buffer_.get(), wanted, done_bytes_);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
      status_ = ErrnoError(errno, "read file");
      return {};
    }
    done_bytes_ += got;
    return {buffer_.get(), static_cast<size_t>(got)};
  }

  // How many bytes there were.
  absl::StatusOr<int64_t> Done() const {
    RETURN_IF_ERROR(status_);
    return done_bytes_;
  }

 private:
  const int fd_;
  const int64_t size_bytes_;
  const Cancellation& cancellation_;
  const std::unique_ptr<char[]> buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
  int64_t done_bytes_ = 0;
  absl::Status status_;
};

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

absl::StatusOr<Digest> HashAll(int read_fd, absl::string_view algorithm, int64_t size_bytes,
                               const Cancellation& cancellation, Sha256Pairing& pairing,
                               bool more_to_come) {
  struct stat status = {};
  if (fstat(read_fd, &status) != 0) {
    return ErrnoError(errno, "stat file");
  }
  if (status.st_size != size_bytes) {
    return Mismatch(absl::StrCat(status.st_size, " bytes"), absl::StrCat(size_bytes));
  }
  FilePieces pieces(read_fd, size_bytes, cancellation);
  Digester digester(algorithm, &pairing);
  // No longer than hashing takes: at the worst it takes twice the time.
  const absl::Duration patience =
      more_to_come ? absl::Seconds(1) * (static_cast<double>(size_bytes) / kHashedBytesPerSecond)
                   : absl::ZeroDuration();
  digester.UpdateWithAll([&pieces] { return pieces.Next(); }, patience);
  ASSIGN_OR_RETURN(int64_t done, pieces.Done());
  if (done != size_bytes) {
    return Mismatch(absl::StrCat(done, " bytes"), absl::StrCat(size_bytes));
  }
  return digester.Finish();
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
                          const Cancellation& cancellation, Sha256Pairing& pairing,
                          bool more_to_come) {
  absl::StatusOr<Digest> got =
      HashAll(read_fd, digest.algorithm(), size_bytes, cancellation, pairing, more_to_come);
  const absl::Status status =
      !got.ok()        ? got.status()
      : *got == digest ? absl::OkStatus()
                       : Mismatch(absl::StrCat("content ", got->ToString()), "that digest");
  return WithContext(status, absl::StrCat("blob ", digest.ToString()));
}

absl::StatusOr<Digest> HashContent(int read_fd, int64_t size_bytes,
                                   const Cancellation& cancellation, Sha256Pairing& pairing,
                                   bool more_to_come) {
  return HashAll(read_fd, "sha256", size_bytes, cancellation, pairing, more_to_come);
}

absl::Status CopyContent(int from, int to, int64_t size_bytes, const Cancellation& cancellation) {
  FilePieces pieces(from, size_bytes, cancellation);
  for (auto piece = pieces.Next(); !piece.empty(); piece = pieces.Next()) {
    RETURN_IF_ERROR(WriteAll(to, piece));
  }
  ASSIGN_OR_RETURN(int64_t done, pieces.Done());
  return done == size_bytes ? absl::OkStatus()
                            : absl::DataLossError(absl::StrCat("copy file: got ", done,
                                                               " bytes, want ", size_bytes));
}

}  // namespace holkas
