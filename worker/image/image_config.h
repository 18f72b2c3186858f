#ifndef HOLKAS_WORKER_IMAGE_IMAGE_CONFIG_H_
#define HOLKAS_WORKER_IMAGE_IMAGE_CONFIG_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/image/rfc3339.h"

namespace holkas {

// The configuration of an image (OCI image-spec, config.md), read from its JSON or from Docker's,
// which has the same fields and more. A list or a map that is not there differs from an empty one,
// because Skopeo shows the difference.
struct ImageConfig {
  using Strings = std::optional<std::vector<std::string>>;

  // How a container of the image is run.
  struct Execution {
    std::string user;
    std::vector<std::string> exposed_ports;  // sorted
    Strings env;
    Strings entrypoint;
    Strings cmd;
    std::vector<std::string> volumes;  // sorted
    std::string working_dir;
    std::optional<std::map<std::string, std::string>> labels;
    std::string stop_signal;
    bool args_escaped = false;
  };

  // How one layer came to be.
  struct HistoryEntry {
    std::optional<Rfc3339Time> created;
    std::string created_by;
    std::string author;
    std::string comment;
    bool empty_layer = false;
  };

  std::optional<Rfc3339Time> created;
  std::string author;
  std::string architecture;
  std::string variant;
  std::string os;
  std::string os_version;
  Strings os_features;
  Execution config;
  std::string rootfs_type;
  Strings diff_ids;
  std::vector<HistoryEntry> history;
  // Docker's alone.
  std::string docker_version;

  // Parses strictly (ParseStrictJson); fields that it does not know are passed over.
  // Errors: FAILED_PRECONDITION (INVALID_MANIFEST); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  static absl::StatusOr<ImageConfig> Parse(absl::string_view text);

  // Compact JSON with the specification's fields alone, byte for byte as Skopeo writes it, so that
  // the digests of converted images are the same.
  std::string ToOciJson() const;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_IMAGE_CONFIG_H_
