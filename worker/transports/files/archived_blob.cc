#include "worker/transports/files/archived_blob.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/tar_table.h"
#include "worker/transports/files/manifest_file.h"

namespace holkas {

absl::StatusOr<RawManifest> ReadArchivedManifest(const ArchiveMembers& archive,
                                                 absl::string_view name, const Digest& digest,
                                                 absl::string_view media_type) {
  absl::StatusOr<std::string> bytes = archive.Read(name, kMaxManifestBytes);
  if (absl::IsNotFound(bytes.status())) {
    return UnknownManifest(digest);
  }
  RETURN_IF_ERROR(WithContext(bytes.status(), absl::StrCat("manifest ", digest.ToString())));
  return VerifyManifest(*std::move(bytes), digest, media_type);
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenArchivedBlob(ArchiveMembers& archive,
                                                             absl::string_view name,
                                                             const Descriptor& blob) {
  const std::string what = absl::StrCat("blob ", blob.digest.ToString());
  absl::StatusOr<TarMember> member = archive.Find(name);
  if (absl::IsNotFound(member.status())) {
    return MakeError(absl::StatusCode::kNotFound, "BLOB_UNKNOWN",
                     absl::StrCat("open ", what, ": no such file"));
  }
  RETURN_IF_ERROR(WithContext(member.status(), absl::StrCat("open ", what)));
  if (blob.size_bytes >= 0 && member->size_bytes != blob.size_bytes) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("read ", what, ": got ", member->size_bytes, " bytes, want ",
                                  blob.size_bytes));
  }
  return archive.OpenMember(*member);
}

}  // namespace holkas
