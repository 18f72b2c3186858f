#ifndef HOLKAS_SERVICE_POLICY_GRANTS_H_
#define HOLKAS_SERVICE_POLICY_GRANTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/wire/frame_channel.h"

namespace holkas {

// A registry that a worker may connect to: exactly this host and these ports, at whatever address
// it resolves to, loopback and private ones too, since the caller named it.
struct RegistryGrant {
  std::string host;
  std::vector<uint16_t> ports;
  // ...but not where nobody vouches for the name: then every address must be public.
  bool public_only = false;
  // It may turn out to speak plain HTTP.
  bool plain_http_allowed = false;
};

// An OCI layout or image directory that a worker may read.
struct ReadPathGrant {
  enum class Kind { kOci, kDir };
  Kind kind;
  std::string path;
};

// An OCI layout or image directory that a worker may write an image to.
struct WritePathGrant {
  ReadPathGrant::Kind kind;
  std::string path;
};

// All that one worker may ask the broker for. Made before the worker exists; nothing that the
// worker says widens it.
struct Grants {
  std::optional<RegistryGrant> source_registry;
  // Where the source is looked for first, in the order of the job's mirrors.
  std::vector<RegistryGrant> source_mirrors;
  std::optional<RegistryGrant> destination_registry;
  // Redirects of a registry may lead to public addresses only.
  bool follow_redirects = true;
  std::optional<ReadPathGrant> source_path;
  std::optional<WritePathGrant> destination_path;

  // In all: each time that a connection breaks costs one.
  int max_connections = 4096;
  int max_open_files = 32;  // being written at once
  int64_t max_result_bytes = kMaxResultBytes;
  int64_t max_tags = 1'000'000;      // of a list
  int64_t max_tag_bytes = 64 << 20;  // all tags of a list together
  absl::Duration max_run_time = absl::Hours(1);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_POLICY_GRANTS_H_
