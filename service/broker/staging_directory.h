#ifndef HOLKAS_SERVICE_BROKER_STAGING_DIRECTORY_H_
#define HOLKAS_SERVICE_BROKER_STAGING_DIRECTORY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// A directory beside or in a destination, in which a job gathers what it will publish: `<prefix>`
// and 16 random hex digits. Its owner holds an flock on it; destroying it removes it with all that
// is in it. One whose owner was killed has no lock any more, and the next one with the same prefix
// in the same directory removes it first. Not thread-safe, but descriptors from it may be used by
// any thread.
class StagingDirectory {
 public:
  // A file that somebody else writes: `write` goes there, `read` stays here.
  struct File {
    UniqueFd write;
    UniqueFd read;
    // Its name in the directory; empty where it has none yet.
    std::string name;
  };

  // Makes one in the directory `parent`, and removes those that were left there.
  // Errors: RESOURCE_EXHAUSTED (DISK_FULL), PERMISSION_DENIED (PATH_DENIED)...
  static absl::StatusOr<std::unique_ptr<StagingDirectory>> Create(UniqueFd parent,
                                                                  absl::string_view prefix);
  StagingDirectory(const StagingDirectory&) = delete;
  ~StagingDirectory();

  // A new file without a name (or, where the file system cannot have one, with a name that is not
  // published).
  absl::StatusOr<File> CreateFile();

  // Gives `file` the name `name` in the directory, in the place of what had it.
  absl::Status NameFile(const File& file, const std::string& name);

  // Removes a file that CreateFile made and that is not wanted.
  void DropFile(const File& file);

  // Forgets the directory without removing it: it was renamed.
  void Release() { owned_ = false; }

  int fd() const { return directory_.get(); }
  int parent() const { return parent_.get(); }
  const std::string& name() const { return name_; }

 private:
  StagingDirectory(UniqueFd parent, UniqueFd directory, std::string name);

  UniqueFd parent_;
  UniqueFd directory_;
  std::string name_;
  bool owned_ = true;
  int files_ = 0;
};

// The names in a directory, without `.` and `..`.
std::vector<std::string> EntriesOf(int directory);

// Removes, in `parent`, the staging directories and files with this prefix whose owner is gone.
void SweepStaging(int parent, absl::string_view prefix);

// A name that nobody has: `prefix` and 16 random hex digits.
std::string RandomName(absl::string_view prefix);

// Removes the directory `name` in `parent` with all that is in it, following no symbolic link and
// entering no other file system. What cannot be removed stays.
void RemoveTree(int parent, const std::string& name);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_STAGING_DIRECTORY_H_
