#include "clients/cli/image_name.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/image_reference.h"

namespace holkas {

absl::StatusOr<std::string> ResolveImageName(absl::string_view name,
                                             absl::string_view working_directory) {
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(name);
  if (!reference.ok()) {
    if (absl::IsUnimplemented(reference.status())) {
      return std::string(name);
    }
    return reference.status();
  }
  for (absl::string_view transport : {"oci:", "dir:"}) {
    absl::string_view path = name;
    if (absl::ConsumePrefix(&path, transport) && !absl::StartsWith(path, "/")) {
      bool slash = absl::EndsWith(working_directory, "/");
      return absl::StrCat(transport, working_directory, slash ? "" : "/", path);
    }
  }
  return std::string(name);
}

}  // namespace holkas
