#ifndef HOLKAS_CLIENTS_CLI_STREAMED_COPY_H_
#define HOLKAS_CLIENTS_CLI_STREAMED_COPY_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/cli/connection.h"
#include "holkas/v1/image_service.pb.h"

namespace holkas {

// Copies between a server and files of the caller's own, which the server cannot open: as archives
// that are streamed. An archive is streamed as it is; what else is at the caller's side, a private
// server makes an archive of, or an image of the archive, changing nothing of it. `copy` is what
// Copy would be asked for; `on_event` gets the events of the server that copies. Errors: those of
// the servers, explained (Connection::Explain).

using OnCopyEvent = std::function<void(const holkas::v1::CopyResponse&)>;

// From an archive that OpenArchive (archive_stream.h) opened.
absl::Status UploadArchive(Connection& server, const holkas::v1::CopyRequest& copy, int file,
                           absl::Time deadline, const OnCopyEvent& on_event);

// From a source that the private server `here` reads.
absl::Status UploadImage(Connection& here, Connection& server, const holkas::v1::CopyRequest& copy,
                         absl::Time deadline, const OnCopyEvent& on_event);

// To an archive, which needs no private server.
absl::Status DownloadArchive(Connection& server, const holkas::v1::CopyRequest& copy,
                             absl::Time deadline, const OnCopyEvent& on_event);

// To a destination that the private server `here` writes.
absl::Status DownloadImage(Connection& here, Connection& server,
                           const holkas::v1::CopyRequest& copy, absl::Time deadline,
                           const OnCopyEvent& on_event);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_STREAMED_COPY_H_
