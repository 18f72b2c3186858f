#include "clients/cli/image_name.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "proto/wire/image_reference.h"

namespace holkas {

namespace {

std::string Absolute(absl::string_view path, absl::string_view working_directory) {
  if (absl::StartsWith(path, "/")) {
    return std::string(path);
  }
  return absl::StrCat(working_directory, absl::EndsWith(working_directory, "/") ? "" : "/", path);
}

}  // namespace

absl::StatusOr<std::string> ResolveImageName(absl::string_view name,
                                             absl::string_view working_directory) {
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(name);
  if (!reference.ok()) {
    return reference.status();
  }
  for (absl::string_view transport : {"oci:", "dir:", "docker-archive:", "oci-archive:", "sif:"}) {
    absl::string_view path = name;
    if (absl::ConsumePrefix(&path, transport)) {
      return absl::StrCat(transport, Absolute(path, working_directory));
    }
  }
  if (const TarballReference* tarball = reference->tarball()) {
    const auto absolute = [&](std::string* out, const std::string& path) {
      *out += path == "-" ? path : Absolute(path, working_directory);
    };
    return absl::StrCat("tarball:", absl::StrJoin(tarball->paths, ":", absolute));
  }
  return std::string(name);
}

}  // namespace holkas
