#ifndef HOLKAS_SERVICE_POLICY_MAKE_GRANTS_H_
#define HOLKAS_SERVICE_POLICY_MAKE_GRANTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "proto/wire/image_reference.h"
#include "service/policy/grants.h"
#include "service/policy/registry_rules.h"

namespace holkas {

// Which local paths a caller may use.
struct LocalPathRules {
  // Every path; otherwise those beneath `roots`.
  bool any = false;
  // Absolute paths of directories.
  std::vector<std::string> roots;
  // What relative paths are relative to; empty: they are refused, since the caller's working
  // directory is not the server's.
  std::string working_directory;
};

// What callers may use.
struct AccessRules {
  LocalPathRules paths;
  RegistryRules registries;
};

// Decides what the worker of one job may ask for: the registries of the job's images and their
// mirrors at the hosts and ports that the job names, and the directories of its local images and
// of their blobs.
// `source` and `destination` are as the caller named them, which is what has to be allowed;
// `destination` is null for jobs without one. A path that is not granted as a whole is granted
// after its symbolic links were resolved, so that what was judged is what is opened. Of an archive
// that is streamed the grant lacks the file. Errors:
// PERMISSION_DENIED (PATH_DENIED, ADDRESS_DENIED); INVALID_ARGUMENT (INVALID_REFERENCE) for a
// relative path where there is no working directory.
absl::StatusOr<Grants> MakeGrants(const broker::JobSpec& job, const ImageReference& source,
                                  const ImageReference* destination, const AccessRules& rules,
                                  absl::Duration max_run_time);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_POLICY_MAKE_GRANTS_H_
