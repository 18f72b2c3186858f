#ifndef HOLKAS_WORKER_TRANSPORTS_DOCKER_REGISTRY_H_
#define HOLKAS_WORKER_TRANSPORTS_DOCKER_REGISTRY_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// A real registry for tests: the system's docker-registry on a free port of 127.0.0.1, plain HTTP,
// its data in a directory. Ends with the object.
class DockerRegistry {
 public:
  // Whether docker-registry is installed.
  static bool Installed();

  // `directory` exists.
  // Errors: UNAVAILABLE where it does not begin to listen.
  static absl::StatusOr<std::unique_ptr<DockerRegistry>> Start(const std::string& directory);
  ~DockerRegistry();

  uint16_t port() const { return port_; }
  // Where it keeps the bytes of a blob or manifest.
  std::string BlobPath(const Digest& digest) const;

 private:
  DockerRegistry(std::string directory, pid_t pid, UniqueFd log)
      : directory_(std::move(directory)), pid_(pid), log_(std::move(log)) {}
  // Reads the log until it says where the registry listens.
  absl::Status WaitForPort();

  const std::string directory_;
  const pid_t pid_;
  UniqueFd log_;
  uint16_t port_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DOCKER_REGISTRY_H_
