#ifndef HOLKAS_CLIENTS_CLI_COPY_LINES_H_
#define HOLKAS_CLIENTS_CLI_COPY_LINES_H_

#include <set>
#include <string>
#include <vector>

#include "holkas/v1/image_service.pb.h"

namespace holkas {

// What the caller asked of a copy that its lines depend on.
struct CopyLineOptions {
  // A whole index is copied, not one image of it.
  bool whole_index = false;
  bool remove_signatures = false;
};

// Turns the events of a copy into the lines that Skopeo prints where no terminal watches:
// `Getting image source signatures`, `Copying blob sha256:...` once for each blob when it starts,
// `Writing manifest to image destination`. Feed every event, in order. Blobs say nothing when they
// are done. Not thread-safe.
class CopyLines {
 public:
  explicit CopyLines(const CopyLineOptions& options) : options_(options) {}

  // The lines for `event`, without newlines; often none.
  std::vector<std::string> Lines(const holkas::v1::CopyResponse& event);

 private:
  std::vector<std::string> ImageLines(const holkas::v1::ImageStarted& image);
  std::vector<std::string> ManifestLines(const holkas::v1::ManifestStarted& manifest);
  std::vector<std::string> BlobLine(const std::string& digest, holkas::v1::BlobKind kind);

  CopyLineOptions options_;
  bool began_ = false;
  // Blobs that a line was printed for and that are not finished.
  std::set<std::string> started_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_COPY_LINES_H_
