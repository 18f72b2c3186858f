#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/archive.h"
#include "worker/archive/tar_reader.h"
#include "worker/transports/any_archive/any_archive.h"
#include "worker/transports/dir_archive/dir_archive.h"
#include "worker/transports/docker_archive/docker_archive.h"
#include "worker/transports/oci_archive/oci_archive.h"

namespace holkas {
namespace {

enum class Kind { kDocker, kOci, kDirectory };

// White space before the first character of a manifest.json that is searched for it.
constexpr size_t kMaxSearchedBytes = 256;

// The first character of a member that is no white space; NUL where there is none.
absl::StatusOr<char> FirstCharacter(ArchiveMembers& archive, const TarMember& member) {
  char buffer[kMaxSearchedBytes];
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> bytes, archive.OpenMember(member));
  ASSIGN_OR_RETURN(const size_t count, bytes->Read(absl::MakeSpan(buffer)));
  const absl::string_view text(buffer, count);
  const auto found = std::find_if_not(text.begin(), text.end(), absl::ascii_isspace);
  return found == text.end() ? '\0' : *found;
}

absl::StatusOr<Kind> KindOf(ArchiveMembers& archive) {
  const absl::StatusOr<TarMember> manifest = archive.Find("manifest.json");
  if (manifest.ok()) {
    ASSIGN_OR_RETURN(const char first, FirstCharacter(archive, *manifest));
    return first == '{' ? Kind::kDirectory : Kind::kDocker;
  }
  if (!absl::IsNotFound(manifest.status())) {
    return manifest.status();
  }
  const absl::Status index = archive.Find("index.json").status();
  if (absl::IsNotFound(index)) {
    return InvalidArchive(
        "the archive is none of an image: neither manifest.json nor index.json is in it");
  }
  RETURN_IF_ERROR(index);
  return Kind::kOci;
}

absl::Status NoSuchName(absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE", why);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenAnyArchiveSource(
    const TransportContext& context, const broker::ImageLocation& location) {
  const broker::AnyArchiveImage& image = location.any_archive();
  ASSIGN_OR_RETURN(std::unique_ptr<Archive> archive, Archive::OpenSource(context.broker));
  ASSIGN_OR_RETURN(const Kind kind, KindOf(*archive));
  switch (kind) {
    case Kind::kDocker:
      return image.has_docker()
                 ? NewDockerArchiveSource(std::move(archive), image.docker())
                 : NoSuchName("it is a docker-archive, in which no image can have that name");
    case Kind::kOci:
      return image.has_oci() ? NewOciArchiveSource(std::move(archive), image.oci())
                             : NoSuchName(
                                   "it is an archive of a layout, in which no image can have "
                                   "that name");
    case Kind::kDirectory:
      break;
  }
  const bool is_named =
      !image.has_oci() || !image.oci().reference().empty() || image.oci().has_index();
  return is_named ? NoSuchName("it is an archive of a directory, whose image has no name")
                  : NewDirArchiveSource(std::move(archive));
}

}  // namespace holkas
