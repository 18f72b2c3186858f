#include "clients/cli/streamed_copy.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "clients/cli/archive_file.h"
#include "clients/cli/archive_name.h"
#include "clients/cli/archive_pipe.h"
#include "clients/cli/archive_stream.h"
#include "clients/cpp/image_client.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using holkas::v1::CopyRequest;
using holkas::v1::CopyResponse;
using holkas::v1::ExportRequest;
using holkas::v1::ImportOptions;
using holkas::v1::ImportResponse;

// Reads from `file` what is there, `path` being its name.
absl::StatusOr<size_t> ReadSome(int file, absl::Span<char> buffer, const std::string& path) {
  ssize_t count = -1;
  do {
    count = read(file, buffer.data(), buffer.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    return ErrnoError(errno, absl::StrCat("read ", path));
  }
  return static_cast<size_t>(count);
}

// Waits until there is something to read, or nobody wants it any more.
void AwaitInput(int file, const std::stop_token& over) {
  constexpr int kTickMilliseconds = 100;
  pollfd entry = {file, POLLIN, 0};
  int ready = 0;
  while (!over.stop_requested() && (ready == 0 || (ready < 0 && errno == EINTR))) {
    ready = poll(&entry, 1, kTickMilliseconds);
  }
}

// The options of an Import that does the rest of `copy`.
ImportOptions ImportOf(const CopyRequest& copy) {
  ImportOptions options;
  *options.mutable_copy() = copy;
  options.mutable_copy()->clear_source();
  options.mutable_copy()->clear_source_registry();
  return options;
}

ExportRequest ExportOf(const CopyRequest& copy) {
  ExportRequest request;
  *request.mutable_copy() = copy;
  request.mutable_copy()->clear_destination();
  request.mutable_copy()->clear_destination_registry();
  return request;
}

// The same images in the same order, of which nothing is changed.
void KeepAsItIs(const CopyRequest& copy, CopyRequest& part) {
  part.set_multi_arch(copy.multi_arch());
  *part.mutable_platforms() = copy.platforms();
  *part.mutable_platform() = copy.platform();
  part.set_max_parallel_blobs(copy.max_parallel_blobs());
  part.set_layer_form(holkas::v1::LAYER_FORM_AS_IS);
  part.set_preserve_digests(true);
  part.set_omit_progress(true);
}

std::function<void(const ImportResponse&)> EventsOfCopy(const OnCopyEvent& on_event) {
  return [&on_event](const ImportResponse& event) {
    if (event.has_copy()) {
      on_event(event.copy());
    }
  };
}

// One Export into one Import: the one on a thread of its own, the other on the caller's, which
// begins when the archive does. The Export's error, where it has one of its own, comes first.
absl::Status Stream(Connection& from, const ExportRequest& request, const OnCopyEvent& on_export,
                    Connection& to, const ImportOptions& options, const OnCopyEvent& on_import,
                    absl::Time deadline) {
  ArchivePipe pipe;
  absl::Status exported;
  absl::Status written;
  std::thread thread([&] {
    exported = from.client().Export(request, deadline, on_export, [&](absl::string_view bytes) {
      return written = pipe.Write(bytes);
    });
    pipe.EndWriting(exported);
  });
  absl::Status imported = pipe.AwaitBytes();
  if (imported.ok()) {
    imported = to.client().Import(
        options, deadline,
        [&pipe](absl::Span<char> buffer, const std::stop_token& over) {
          return pipe.Read(buffer, over);
        },
        EventsOfCopy(on_import));
  }
  pipe.EndReading();
  thread.join();
  // Where nobody read any more, the Import's end was the first.
  return exported.ok() || !written.ok() ? to.Explain(imported) : from.Explain(exported);
}

}  // namespace

absl::Status UploadArchive(Connection& server, const CopyRequest& copy, int file,
                           absl::Time deadline, const OnCopyEvent& on_event) {
  const ArchiveName archive = ParseArchive(copy.source()).value_or(ArchiveName());
  ImportOptions options = ImportOf(copy);
  options.set_format(archive.format);
  options.set_image(archive.image);
  struct stat info = {};
  const bool is_file = fstat(file, &info) == 0 && S_ISREG(info.st_mode);
  if (is_file && !IsStream(copy.source())) {
    options.set_size_bytes(info.st_size);
  }
  const auto read_file = [&](absl::Span<char> buffer,
                             const std::stop_token& over) -> absl::StatusOr<size_t> {
    if (!is_file) {
      AwaitInput(file, over);
    }
    return over.stop_requested() ? absl::StatusOr<size_t>(0) : ReadSome(file, buffer, archive.path);
  };
  return server.Explain(
      server.client().Import(options, deadline, read_file, EventsOfCopy(on_event)));
}

absl::Status UploadImage(Connection& here, Connection& server, const CopyRequest& copy,
                         absl::Time deadline, const OnCopyEvent& on_event) {
  ExportRequest request;
  KeepAsItIs(copy, *request.mutable_copy());
  request.mutable_copy()->set_source(copy.source());
  *request.mutable_copy()->mutable_source_registry() = copy.source_registry();
  request.set_format(holkas::v1::ARCHIVE_FORMAT_DIRECTORY);
  ImportOptions options = ImportOf(copy);
  options.set_format(holkas::v1::ARCHIVE_FORMAT_DIRECTORY);
  return Stream(
      here, request, [](const CopyResponse&) {}, server, options, on_event, deadline);
}

absl::Status DownloadArchive(Connection& server, const CopyRequest& copy, absl::Time deadline,
                             const OnCopyEvent& on_event) {
  const ArchiveName archive = ParseArchive(copy.destination()).value_or(ArchiveName());
  ExportRequest request = ExportOf(copy);
  request.set_format(archive.format);
  request.set_image(archive.image);
  ASSIGN_OR_RETURN(
      const std::unique_ptr<ArchiveFile> file,
      IsStream(copy.destination())
          ? ArchiveFile::OpenStream(archive.path,
                                    [&] { return server.client().CheckWanted(deadline); })
          : ArchiveFile::Create(archive.path, archive.format == holkas::v1::ARCHIVE_FORMAT_DOCKER));
  CopyResponse result;
  const auto hold_result_back = [&](const CopyResponse& event) {
    event.has_result() ? void(result = event) : on_event(event);
  };
  RETURN_IF_ERROR(server.Explain(
      server.client().Export(request, deadline, hold_result_back,
                             [&file](absl::string_view bytes) { return file->Write(bytes); })));
  RETURN_IF_ERROR(file->Publish());
  on_event(result);
  return absl::OkStatus();
}

absl::Status DownloadImage(Connection& here, Connection& server, const CopyRequest& copy,
                           absl::Time deadline, const OnCopyEvent& on_event) {
  const bool is_layout = absl::StartsWith(copy.destination(), "oci:");
  ExportRequest request = ExportOf(copy);
  request.set_format(is_layout ? holkas::v1::ARCHIVE_FORMAT_OCI
                               : holkas::v1::ARCHIVE_FORMAT_DIRECTORY);
  if (is_layout && copy.layer_form() == holkas::v1::LAYER_FORM_UNSPECIFIED) {
    request.mutable_copy()->set_layer_form(holkas::v1::LAYER_FORM_COMPRESSED);
  }
  ImportOptions options;
  KeepAsItIs(copy, *options.mutable_copy());
  options.mutable_copy()->set_destination(copy.destination());
  *options.mutable_copy()->mutable_destination_registry() = copy.destination_registry();
  options.set_format(request.format());
  CopyResponse result;
  RETURN_IF_ERROR(Stream(
      server, request,
      [&](const CopyResponse& event) {
        event.has_result() ? void(result = event) : on_event(event);
      },
      here, options, [](const CopyResponse&) {}, deadline));
  on_event(result);
  return absl::OkStatus();
}

}  // namespace holkas
