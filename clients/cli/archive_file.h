#ifndef HOLKAS_CLIENTS_CLI_ARCHIVE_FILE_H_
#define HOLKAS_CLIENTS_CLI_ARCHIVE_FILE_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/open_pipe.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// The file of an archive that a server sends. Until it is whole it has another name, beside its
// place; when this object goes before that, so does the file.
class ArchiveFile {
 public:
  // `must_be_new`: nothing but an empty file may be in its place. Errors: FAILED_PRECONDITION
  // (DESTINATION_CONFLICT) where something is that may not be replaced; those of the system calls.
  static absl::StatusOr<std::unique_ptr<ArchiveFile>> Create(const std::string& path,
                                                             bool must_be_new);
  // What is at `path` takes the bytes as they come: a pipe, or a descriptor of the process.
  // `check` can end the wait for a pipe's reader. Errors: those of open(2), dup(2) and `check`.
  static absl::StatusOr<std::unique_ptr<ArchiveFile>> OpenStream(const std::string& path,
                                                                 const CheckWait& check);
  ~ArchiveFile();
  ArchiveFile(const ArchiveFile&) = delete;
  ArchiveFile& operator=(const ArchiveFile&) = delete;

  absl::Status Write(absl::string_view bytes);

  // The archive is whole: gives it its name, where it is no stream. Once. Errors: as Create.
  absl::Status Publish();

 private:
  ArchiveFile(std::string path, bool must_be_new, std::string temporary, UniqueFd file)
      : path_(std::move(path)),
        must_be_new_(must_be_new),
        temporary_(std::move(temporary)),
        file_(std::move(file)) {}

  const std::string path_;
  const bool must_be_new_;
  // Empty for a stream, and when the archive has its name.
  std::string temporary_;
  UniqueFd file_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_ARCHIVE_FILE_H_
