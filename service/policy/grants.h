#ifndef HOLKAS_SERVICE_POLICY_GRANTS_H_
#define HOLKAS_SERVICE_POLICY_GRANTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/wire/daemon_host.h"
#include "proto/wire/frame_channel.h"

namespace holkas {

class SpooledArchive;

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

// The Docker daemon that a worker may connect to: this one alone. The worker names `host` and
// `port`, also where the service connects to a unix socket.
struct DaemonGrant {
  DaemonHost daemon;
  std::string host;
  uint16_t port = 0;
};

// An OCI layout, an image directory or one regular file that a worker may read.
struct ReadPathGrant {
  enum class Kind { kOci, kDir, kFile };
  Kind kind;
  std::string path;
  // kFile: further files that belong to the image, by number from 1.
  std::vector<std::string> further_paths = {};
  // kOci: where its blobs are; empty: in the layout.
  std::string blob_directory = {};
  // kFile: the archive that the caller sent, in the place of `path`; outlives the job.
  const SpooledArchive* spooled = nullptr;
};

// An OCI layout or image directory that a worker may write an image to, or a file that it may
// replace as a whole.
struct WritePathGrant {
  ReadPathGrant::Kind kind;
  std::string path;
  // kFile: nothing may be there yet but an empty file.
  bool must_be_new = false;
  // kOci: where its blobs go; empty: into the layout.
  std::string blob_directory = {};
  // kOci: images are removed from a layout that is there; nothing is added, and none is made.
  bool only_removes = false;
  // kFile: the archive that the caller is to get, in the place of `path`; outlives the job.
  SpooledArchive* spooled = nullptr;
};

// Where files that have no name are made: Skopeo, too, has its large temporary files there, since
// /tmp is in memory on many machines.
inline constexpr char kSpoolDirectory[] = "/var/tmp";

// A store of containers/storage that a worker may use.
struct StoreGrant {
  std::string graph_root;
  std::string run_root;
  bool writable = false;
  // Whether the service marks opaque directories for the worker.
  bool mark_opaque = false;
  // Whether it makes device nodes for it.
  bool make_devices = false;
};

// What a job may write to temporary files: an archive that is compressed, decompressed.
inline constexpr int64_t kMaxSpoolBytes = int64_t{64} << 30;

// All that one worker may ask the broker for. Made before the worker exists; nothing that the
// worker says widens it.
struct Grants {
  std::optional<RegistryGrant> source_registry;
  // Where the source is looked for first, in the order of the job's mirrors.
  std::vector<RegistryGrant> source_mirrors;
  std::optional<RegistryGrant> destination_registry;
  // Redirects of a registry may lead to public addresses only.
  bool follow_redirects = true;
  std::optional<DaemonGrant> source_daemon;
  std::optional<DaemonGrant> destination_daemon;
  std::optional<ReadPathGrant> source_path;
  std::optional<WritePathGrant> destination_path;
  // Where files for what does not fit into memory are made; empty: the worker gets none.
  std::string spool_directory;
  std::optional<StoreGrant> source_store;
  std::optional<StoreGrant> destination_store;

  // In all: each time that a connection breaks costs one.
  int max_connections = 4096;
  int max_open_files = 32;  // being written at once
  int max_spool_files = 32;
  int64_t max_spool_bytes = kMaxSpoolBytes;  // of all of them together
  int max_opaque_marks = 100'000;
  int max_devices = 100'000;
  int64_t max_result_bytes = kMaxResultBytes;
  int64_t max_tags = 1'000'000;      // of a list
  int64_t max_tag_bytes = 64 << 20;  // all tags of a list together
  absl::Duration max_run_time = absl::Hours(1);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_POLICY_GRANTS_H_
