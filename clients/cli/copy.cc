#include "clients/cli/copy.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/cli/archive_name.h"
#include "clients/cli/archive_stream.h"
#include "clients/cli/copy_flags.h"
#include "clients/cli/copy_progress.h"
#include "clients/cli/error_context.h"
#include "clients/cli/go_text.h"
#include "clients/cli/spooled_input.h"
#include "clients/cli/streamed_copy.h"
#include "proto/wire/proto_duration.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

using holkas::v1::CopyRequest;
using holkas::v1::CopyResponse;
using holkas::v1::CopyResult;
using holkas::v1::Retrying;

constexpr char kHelp[] =
    "Copies an image from one place to another.\n"
    "\n"
    "SOURCE and DESTINATION are docker://HOST/REPOSITORY[:TAG|@DIGEST], oci:PATH[:NAME], "
    "dir:PATH,\n"
    "docker-archive:FILE[:NAME:TAG], oci-archive:FILE[:NAME], docker-daemon:NAME:TAG or\n"
    "containers-storage:[[DRIVER@]ROOT[+RUNROOT]]NAME[:TAG]. SOURCE may be "
    "tarball:PATH[:PATH...],\n"
    "where - is standard input, or sif:FILE, too. FILE of an archive may be /dev/stdin,\n"
    "/dev/stdout or a pipe.\n"
    "\n"
    "Usage:\n"
    "holkas copy [command options] SOURCE DESTINATION\n"
    "\n"
    "Examples:\n"
    "holkas copy docker://registry.example.com/app:1 oci:/srv/layout:app\n"
    "holkas copy --all oci:/srv/layout:app docker://mirror.example.com/app:1\n";

// Without a newline, as Skopeo writes it.
absl::Status WriteDigestFile(const std::string& path, const std::string& digest) {
  const auto failed = [&path](absl::string_view step, int error) {
    return absl::UnknownError(absl::StrCat("Failed to write digest to file ", GoQuote(path), ": ",
                                           step, " ", path, ": ", GoErrno(error)));
  };
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.valid()) {
    return failed("open", errno);
  }
  absl::string_view rest = digest;
  while (!rest.empty()) {
    const ssize_t written = write(file.get(), rest.data(), rest.size());
    if (written < 0 && errno != EINTR) {
      return failed("write", errno);
    }
    rest.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// In Skopeo's words.
std::string RetryMessage(const Retrying& retrying) {
  const absl::Duration delay = absl::Trunc(ToDuration(retrying.delay()), absl::Milliseconds(1));
  return absl::StrCat("Failed, retrying in ", absl::FormatDuration(delay), " ... (",
                      retrying.attempt(), "/", retrying.max_retries(),
                      "). Error: ", retrying.error());
}

bool CopiesWholeIndex(const CopyRequest& request) {
  return request.multi_arch() == holkas::v1::MULTI_ARCH_ALL ||
         request.multi_arch() == holkas::v1::MULTI_ARCH_INDEX_ONLY;
}

// Copies from an archive that comes in a stream, or into one that goes out in one.
absl::Status CopyStream(Connection& server, const CopyRequest& copy, absl::Time deadline,
                        const OnCopyEvent& on_event) {
  if (!IsStream(copy.source())) {
    return DownloadArchive(server, copy, deadline, on_event);
  }
  ASSIGN_OR_RETURN(const UniqueFd archive, OpenArchive(copy.source(), [&] {
                     return server.client().CheckWanted(deadline);
                   }));
  return UploadArchive(server, copy, archive.get(), deadline, on_event);
}

// Has the copy made by a server that can: one alone, or two where files of the caller's own go to a
// server or come from one.
absl::Status CopyWhereFilesAre(const FlagSet& flags, CommandContext& context,
                               const CopyRequest& copy, absl::Time deadline,
                               const OnCopyEvent& on_event) {
  const bool from_here = IsCallersOwn(flags, context, copy.source());
  const bool to_here = IsCallersOwn(flags, context, copy.destination());
  constexpr ServerKind kHere = ServerKind::kPrivate;
  constexpr ServerKind kThere = ServerKind::kUsual;
  const bool from_stream = IsStream(copy.source());
  if (from_stream != IsStream(copy.destination())) {
    const bool other_is_here = from_stream ? to_here : from_here;
    return WithConnections(
        flags, context, {other_is_here ? kHere : kThere},
        [&](const auto& servers) { return CopyStream(*servers[0], copy, deadline, on_event); });
  }
  if (from_here == to_here) {
    return WithClient(
        flags, context, [&](ImageClient& client) { return client.Copy(copy, deadline, on_event); },
        from_here ? kHere : kThere);
  }
  if (from_here) {
    // A file, which nobody waits for.
    const absl::StatusOr<UniqueFd> file =
        OpenArchive(copy.source(), [] { return absl::OkStatus(); });
    if (file.ok()) {
      return WithConnections(flags, context, {kThere}, [&](const auto& servers) {
        return UploadArchive(*servers[0], copy, file->get(), deadline, on_event);
      });
    }
    return WithConnections(flags, context, {kHere, kThere}, [&](const auto& servers) {
      return UploadImage(*servers[0], *servers[1], copy, deadline, on_event);
    });
  }
  if (IsArchive(copy.destination())) {
    return WithConnections(flags, context, {kThere}, [&](const auto& servers) {
      return DownloadArchive(*servers[0], copy, deadline, on_event);
    });
  }
  return WithConnections(flags, context, {kHere, kThere}, [&](const auto& servers) {
    return DownloadImage(*servers[0], *servers[1], copy, deadline, on_event);
  });
}

absl::Status RunCopy(const FlagSet& flags, const std::vector<std::string>& arguments,
                     CommandContext& context) {
  absl::Time deadline = DeadlineOf(flags);
  ASSIGN_OR_RETURN(CopyOrder order, ParseCopyOrder(flags, arguments, context));
  std::unique_ptr<CopyProgress> progress = MakeCopyProgress(
      // Nothing else may come between the bytes of an archive.
      IsStandardOutput(order.request.destination()) ? ProgressMode::kNone : order.progress,
      {CopiesWholeIndex(order.request), order.request.remove_signatures()}, context.console);
  SpooledInput input;
  RETURN_IF_ERROR(input.Resolve(*order.request.mutable_source(), context.input_fd, deadline));
  // One call takes one stream.
  if (IsStream(order.request.destination()) && !PathsAreServers(flags, context)) {
    RETURN_IF_ERROR(input.ResolveStream(*order.request.mutable_source(), deadline));
  }
  CopyResult result;
  const absl::Status status =
      CopyWhereFilesAre(flags, context, order.request, deadline, [&](const CopyResponse& event) {
        progress->Show(event);
        if (event.has_retrying()) {
          context.console.Log(LogLevel::kWarning, RetryMessage(event.retrying()));
        }
        if (event.has_result()) {
          result = event.result();
        }
      });
  RETURN_IF_ERROR(WithCopyContext(status, arguments[0], arguments[1]));
  for (const std::string& warning : result.warnings()) {
    context.console.Log(LogLevel::kWarning, warning);
  }
  if (order.digest_file.empty()) {
    return absl::OkStatus();
  }
  return WriteDigestFile(order.digest_file, result.manifest_digest());
}

}  // namespace

Command CopyCommand() {
  return {"copy", "Copy an image from one place to another", kHelp, CopyFlags(), &RunCopy};
}

}  // namespace holkas
