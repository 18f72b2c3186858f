#include "clients/cli/manifest_digest.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/go_text.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/manifest_digest.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

constexpr char kHelp[] =
    "Computes the digest of a manifest in a file. Signatures inside a Docker schema 1 manifest "
    "are\n"
    "no part of it.\n"
    "\n"
    "Usage:\n"
    "holkas manifest-digest MANIFEST-FILE\n"
    "\n"
    "Examples:\n"
    "holkas manifest-digest manifest.json\n";

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return absl::UnknownError(absl::StrCat("open ", path, ": ", GoErrno(errno)));
  }
  std::string content;
  std::array<char, 64 << 10> piece;
  while (true) {
    const ssize_t count = read(file.get(), piece.data(), piece.size());
    if (count < 0) {
      return absl::UnknownError(absl::StrCat("read ", path, ": ", GoErrno(errno)));
    }
    if (count == 0) {
      return content;
    }
    content.append(piece.data(), static_cast<size_t>(count));
  }
}

absl::Status RunManifestDigest(const FlagSet&, const std::vector<std::string>& arguments,
                               CommandContext& context) {
  if (arguments.size() != 1) {
    return absl::InvalidArgumentError("Usage: holkas manifest-digest manifest");
  }
  const absl::StatusOr<std::string> manifest = ReadFile(arguments[0]);
  if (!manifest.ok()) {
    return WithContext(manifest.status(),
                       absl::StrCat("Error reading manifest from ", arguments[0]));
  }
  const absl::StatusOr<Digest> digest = ManifestDigest(*manifest);
  if (!digest.ok()) {
    return WithContext(digest.status(), "Error computing digest");
  }
  return context.console.Write(absl::StrCat(digest->ToString(), "\n"));
}

}  // namespace

Command ManifestDigestCommand() {
  return {"manifest-digest",
          "Compute the digest of a manifest in a file",
          kHelp,
          {},
          &RunManifestDigest};
}

}  // namespace holkas
