#include "worker/transports/dir/dir_format.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/manifest_digest.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

// 1.2 is for digests of other algorithms than SHA-256.
constexpr absl::string_view kKnownVersions[] = {
    "Directory Transport Version: 1.0\n",
    "Directory Transport Version: 1.1\n",
    "Directory Transport Version: 1.2\n",
};
constexpr absl::string_view kVersion = kKnownVersions[1];
constexpr absl::string_view kVersionOfOtherAlgorithms = kKnownVersions[2];

}  // namespace

std::string DirBlobName(const Digest& digest) {
  return digest.algorithm() == "sha256" ? std::string(digest.hex())
                                        : absl::StrCat(digest.algorithm(), "-", digest.hex());
}

std::string DirManifestName(const Digest& digest) {
  return absl::StrCat(digest.hex(), ".manifest.json");
}

absl::string_view DirVersionText(bool other_algorithms) {
  return other_algorithms ? kVersionOfOtherAlgorithms : kVersion;
}

absl::Status CheckDirMember(const Manifest& manifest) {
  if (manifest.media_type() != kDockerSchema1SignedType) {
    return absl::OkStatus();
  }
  // Its file would have the name of another digest than its content has.
  return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                   absl::StrCat("write manifest ", manifest.digest().ToString(),
                                ": signed manifests of schema 1 in an index"));
}

absl::Status CheckDirVersion(absl::string_view text) {
  if (std::find(std::begin(kKnownVersions), std::end(kKnownVersions), text) !=
      std::end(kKnownVersions)) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                   absl::StrCat("read version: unsupported directory transport version \"",
                                absl::CHexEscape(text), "\""));
}

RawManifest TopOfDir(std::string manifest_json) {
  // Signatures that say no payload are for Manifest::Parse to refuse.
  const absl::StatusOr<Digest> signed_digest = ManifestDigest(manifest_json);
  Digest digest = signed_digest.ok() ? *signed_digest : Digest::Sha256Of(manifest_json);
  return RawManifest{std::move(manifest_json), std::move(digest), /*media_type=*/""};
}

}  // namespace holkas
