#ifndef HOLKAS_SERVICE_BROKER_DESTINATION_H_
#define HOLKAS_SERVICE_BROKER_DESTINATION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/staging_directory.h"

namespace holkas {

// Where an image is to be written, without symbolic links: `name` in the directory `parent`, which
// must exist, as for Skopeo.
struct Destination {
  std::string parent;
  std::string name;
  bool exists = false;

  std::string path() const { return parent == "/" ? parent + name : parent + "/" + name; }

  // Errors: FAILED_PRECONDITION (DESTINATION_CONFLICT) where the parent is missing.
  static absl::StatusOr<Destination> Resolve(const std::string& path);

  // Whether it is where another file system or directory was mounted: then it cannot be renamed.
  bool IsMountPoint() const;

  // What the names of staging directories and files beside it begin with.
  std::string StagingPrefix() const;

  // A staging directory beside it, or in it.
  absl::StatusOr<std::unique_ptr<StagingDirectory>> StageBeside() const;
  absl::StatusOr<std::unique_ptr<StagingDirectory>> StageWithin() const;
};

// What the names of staging directories in a destination begin with.
inline constexpr char kStagingPrefix[] = ".holkas-";

// Names in a directory that hold an image or nothing, but for what we put there ourselves.
std::vector<std::string> ForeignEntries(int directory);

absl::Status DestinationConflict(absl::string_view message);

// Makes the entries of a directory durable.
absl::Status SyncDirectory(int fd);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_DESTINATION_H_
