#include "worker/transports/files/manifest_file.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/digester.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/transports/files/file_source.h"

namespace holkas {

absl::Status UnknownManifest(const Digest& digest) {
  return MakeError(absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN",
                   absl::StrCat("open manifest ", digest.ToString(), ": no such file"));
}

absl::StatusOr<RawManifest> VerifyManifest(std::string bytes, const Digest& digest,
                                           absl::string_view media_type) {
  Digester digester(digest.algorithm());
  digester.Update(bytes);
  const Digest found = digester.Finish();
  if (found != digest) {
    return MakeError(
        absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
        absl::StrCat("read manifest ", digest.ToString(), ": the content is ", found.ToString()));
  }
  return RawManifest{std::move(bytes), digest, std::string(media_type)};
}

absl::StatusOr<RawManifest> ReadManifestFile(Broker& broker, broker::Place place,
                                             const Digest& digest, absl::string_view media_type) {
  std::string what = absl::StrCat("manifest ", digest.ToString());
  absl::StatusOr<std::string> bytes =
      ReadWholeFile(broker, place, broker::FILE_KIND_MANIFEST, digest, kMaxManifestBytes, what);
  if (bytes.status().code() == absl::StatusCode::kNotFound) {
    return UnknownManifest(digest);
  }
  RETURN_IF_ERROR(bytes.status());
  return VerifyManifest(*std::move(bytes), digest, media_type);
}

}  // namespace holkas
