#include "clients/cli/image_name.h"

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "proto/wire/image_reference.h"

namespace holkas {

namespace {

constexpr absl::string_view kTarball = "tarball:";
constexpr absl::string_view kWithPath[] = {
    "oci:", "dir:", "docker-archive:", "oci-archive:", "sif:", kTarball};

std::string Absolute(absl::string_view path, absl::string_view working_directory) {
  if (absl::StartsWith(path, "/")) {
    return std::string(path);
  }
  return absl::StrCat(working_directory, absl::EndsWith(working_directory, "/") ? "" : "/", path);
}

}  // namespace

bool HasPath(absl::string_view name) {
  return std::any_of(std::begin(kWithPath), std::end(kWithPath), [&](absl::string_view transport) {
    return absl::StartsWith(name, transport);
  });
}

absl::StatusOr<std::string> ResolveImageName(absl::string_view name,
                                             absl::string_view working_directory) {
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(name);
  if (!reference.ok()) {
    return reference.status();
  }
  for (absl::string_view transport : kWithPath) {
    absl::string_view path = name;
    if (transport != kTarball && absl::ConsumePrefix(&path, transport)) {
      return absl::StrCat(transport, Absolute(path, working_directory));
    }
  }
  if (const TarballReference* tarball = reference->tarball()) {
    const auto absolute = [&](std::string* out, const std::string& path) {
      *out += path == "-" ? path : Absolute(path, working_directory);
    };
    return absl::StrCat(kTarball, absl::StrJoin(tarball->paths, ":", absolute));
  }
  return std::string(name);
}

}  // namespace holkas
