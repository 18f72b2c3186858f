#ifndef HOLKAS_CLIENTS_CLI_STREAMED_COPY_H_
#define HOLKAS_CLIENTS_CLI_STREAMED_COPY_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/cli/connection.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// Copies between a server and files of the caller's own, which the server cannot open: as archives
// that are streamed. An archive is streamed as it is; what else is at the caller's side, a private
// server makes an archive of, or an image of the archive, changing nothing of it. `copy` is what
// Copy would be asked for; `on_event` gets the events of the server that copies. Errors: those of
// the servers, explained (Connection::Explain).

using OnCopyEvent = std::function<void(const holkas::v1::CopyResponse&)>;

// Whether the image is an archive that is no file, but comes from somebody or goes to somebody:
// from standard input, to standard output, through a pipe. The path says so, or what is there.
bool IsStream(const std::string& image);
// Whether that is standard output.
bool IsStandardOutput(const std::string& image);

// The file of a source that is streamed as it is: an archive that can be opened. Nothing for
// others.
std::optional<UniqueFd> OpenArchive(const std::string& source);

// From an archive that OpenArchive opened.
absl::Status UploadArchive(Connection& server, const holkas::v1::CopyRequest& copy, int file,
                           absl::Time deadline, const OnCopyEvent& on_event);

// From a source that the private server `here` reads.
absl::Status UploadImage(Connection& here, Connection& server, const holkas::v1::CopyRequest& copy,
                         absl::Time deadline, const OnCopyEvent& on_event);

// Whether a destination is an archive, which needs no private server.
bool IsArchive(const std::string& image);

// To an archive.
absl::Status DownloadArchive(Connection& server, const holkas::v1::CopyRequest& copy,
                             absl::Time deadline, const OnCopyEvent& on_event);

// To a destination that the private server `here` writes.
absl::Status DownloadImage(Connection& here, Connection& server,
                           const holkas::v1::CopyRequest& copy, absl::Time deadline,
                           const OnCopyEvent& on_event);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_STREAMED_COPY_H_
