#ifndef HOLKAS_SERVICE_BLOBS_BLOB_INFO_PATH_H_
#define HOLKAS_SERVICE_BLOBS_BLOB_INFO_PATH_H_

#include <functional>
#include <optional>
#include <string>

namespace holkas {

// Of who runs a server, what decides where it remembers blobs.
struct BlobInfoEnvironment {
  unsigned uid = 0;
  // The value of a variable; nothing where it is not set.
  std::function<std::optional<std::string>(const char* name)> variable;
};

// That of this process.
BlobInfoEnvironment ProcessBlobInfoEnvironment();

// The file of a server's BlobInfoCache where its configuration does not say; empty: none.
// HOLKAS_BLOB_INFO_CACHE comes first. A private server's is beside the one that Skopeo has for its
// user, /var/lib/containers/cache or $XDG_DATA_HOME/containers/cache; another's where a server
// keeps what it needs: $STATE_DIRECTORY of systemd, /var/lib/holkas, $XDG_STATE_HOME/holkas.
std::string DefaultBlobInfoPath(bool is_private, const BlobInfoEnvironment& environment);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BLOBS_BLOB_INFO_PATH_H_
