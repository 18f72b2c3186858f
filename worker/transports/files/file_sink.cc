#include "worker/transports/files/file_sink.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {

absl::Status WriteAll(int fd, absl::string_view data) {
  while (!data.empty()) {
    ssize_t count = write(fd, data.data(), data.size());
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return ErrnoError(errno, "write file");
    }
    data.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FileSink>> FileSink::Create(Broker& broker, broker::FileKind kind,
                                                           int64_t size_bytes) {
  ASSIGN_OR_RETURN(Broker::NewFile file, broker.CreateFile(size_bytes));
  return std::unique_ptr<FileSink>(new FileSink(broker, kind, std::move(file)));
}

FileSink::FileSink(Broker& broker, broker::FileKind kind, Broker::NewFile file)
    : broker_(broker), kind_(kind), file_(std::move(file)) {}

FileSink::~FileSink() {
  if (!committing_) {
    file_.fd.reset();
    // A file that cannot be dropped now goes with the job.
    (void)broker_.DropFile(file_.id);
  }
}

absl::Status FileSink::Append(absl::string_view data) { return WriteAll(file_.fd.get(), data); }

absl::Status FileSink::Finish(const Digest& digest, int64_t size_bytes) {
  // holkasd commits nothing that somebody could still write to.
  file_.fd.reset();
  committing_ = true;
  return WithContext(broker_.CommitFile(file_.id, kind_, digest, size_bytes),
                     absl::StrCat("write ", digest.ToString()));
}

absl::StatusOr<Digest> FileSink::FinishUnknown(int64_t size_bytes) {
  file_.fd.reset();
  ASSIGN_OR_RETURN(const Digest digest, broker_.HashFile(file_.id, size_bytes));
  RETURN_IF_ERROR(Finish(digest, size_bytes));
  return digest;
}

absl::Status WriteWholeFile(Broker& broker, broker::FileKind kind, absl::string_view bytes,
                            const Digest& digest) {
  int64_t size_bytes = static_cast<int64_t>(bytes.size());
  ASSIGN_OR_RETURN(std::unique_ptr<FileSink> sink, FileSink::Create(broker, kind, size_bytes));
  RETURN_IF_ERROR(sink->Append(bytes));
  return sink->Finish(digest, size_bytes);
}

}  // namespace holkas
