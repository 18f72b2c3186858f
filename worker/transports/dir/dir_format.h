#ifndef HOLKAS_WORKER_TRANSPORTS_DIR_DIR_FORMAT_H_
#define HOLKAS_WORKER_TRANSPORTS_DIR_DIR_FORMAT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/image/manifest.h"

namespace holkas {

// What the files of an image directory say, whether they are in a directory or in an archive.

// Names of files.
inline constexpr absl::string_view kDirTopName = "manifest.json";
inline constexpr absl::string_view kDirVersionName = "version";
std::string DirBlobName(const Digest& digest);
// Of a manifest that an index names.
std::string DirManifestName(const Digest& digest);

// `version` is a line; a longer file is none of this format.
inline constexpr int64_t kMaxDirVersionBytes = 256;

// Whether the content of `version` is that of a format that is read.
// Errors: UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED).
absl::Status CheckDirVersion(absl::string_view text);

// The content of `version` where it is written.
absl::string_view DirVersionText(bool other_algorithms);

// Whether a manifest that an index names can be kept under its digest.
// Errors: UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED).
absl::Status CheckDirMember(const Manifest& manifest);

// The image's manifest, of whatever type, which manifest.json has.
RawManifest TopOfDir(std::string manifest_json);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DIR_DIR_FORMAT_H_
