#include "service/blobs/blob_info_path.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

// Not Skopeo's own file: that has neither sizes nor whose word a row is.
constexpr char kFile[] = "holkas-blob-info-cache-v1.sqlite";

// The absolute path that a variable has; empty where it has none.
std::string Directory(const BlobInfoEnvironment& environment, const char* name) {
  const std::string value = environment.variable(name).value_or("");
  return absl::StartsWith(value, "/") ? value : "";
}

// `in_home` where the variable is not set.
std::string UserDirectory(const BlobInfoEnvironment& environment, const char* name,
                          const char* in_home) {
  std::string directory = Directory(environment, name);
  if (!directory.empty()) {
    return directory;
  }
  const std::string home = Directory(environment, "HOME");
  return home.empty() ? "" : absl::StrCat(home, "/", in_home);
}

std::string In(const std::string& directory, const char* subdirectory) {
  return directory.empty() ? "" : absl::StrCat(directory, "/", subdirectory, "/", kFile);
}

}  // namespace

BlobInfoEnvironment ProcessBlobInfoEnvironment() {
  return {geteuid(), [](const char* name) -> std::optional<std::string> {
            const char* value = getenv(name);
            return value == nullptr ? std::nullopt : std::optional<std::string>(value);
          }};
}

std::string DefaultBlobInfoPath(bool is_private, const BlobInfoEnvironment& environment) {
  if (std::optional<std::string> path = environment.variable("HOLKAS_BLOB_INFO_CACHE")) {
    return absl::StartsWith(*path, "/") ? *path : "";
  }
  if (is_private) {
    return In(environment.uid == 0 ? "/var/lib"
                                   : UserDirectory(environment, "XDG_DATA_HOME", ".local/share"),
              "containers/cache");
  }
  // systemd gives several directories with colons between them.
  const std::string state = Directory(environment, "STATE_DIRECTORY");
  if (!state.empty()) {
    return absl::StrCat(state.substr(0, state.find(':')), "/", kFile);
  }
  return In(environment.uid == 0 ? "/var/lib"
                                 : UserDirectory(environment, "XDG_STATE_HOME", ".local/state"),
            "holkas");
}

}  // namespace holkas
