#ifndef HOLKAS_PROTO_REGISTRIES_REGISTRIES_CONF_H_
#define HOLKAS_PROTO_REGISTRIES_REGISTRIES_CONF_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "proto/registries/registry_table.h"

namespace holkas {

// Which files make up a registries.conf.
struct RegistriesConfFiles {
  // The file itself; empty: none.
  std::string main;
  // Whether a missing `main` is an error.
  bool required = false;
  // Directories whose `*.conf` are read after it, each directory's in alphabetical order; one that
  // is missing is empty.
  std::vector<std::string> drop_in_directories;
};

// The environment of who runs the command line.
struct RegistriesConfEnvironment {
  std::string home;                        // HOME
  std::string containers_registries_conf;  // CONTAINERS_REGISTRIES_CONF
  std::string registries_config_path;      // REGISTRIES_CONFIG_PATH
  // Whether there is a file of that path.
  std::function<bool(const std::string& path)> exists;
};

// That of this process.
RegistriesConfEnvironment ProcessRegistriesConfEnvironment();

// The files that Skopeo reads: the one at `path` where it is not empty, else the one that a
// variable names, else the user's, else the system's. The directories of the user and of the system
// belong to all of them but the user's file, which has the user's alone.
RegistriesConfFiles FindRegistriesConf(const std::string& path,
                                       const RegistriesConfEnvironment& environment);

// What a server's configuration names: the file at `path`, and the directory `path.d`.
RegistriesConfFiles RegistriesConfAt(const std::string& path);

// The table that these files give now.
// Errors: INVALID_ARGUMENT (INVALID_CONFIG), `file:line: why`; those of reading the files.
absl::StatusOr<RegistryTable> LoadRegistriesConf(const RegistriesConfFiles& files);

// A registries.conf that follows its files. Thread-safe.
class RegistriesConf {
 public:
  // Of no files: an empty table for ever.
  RegistriesConf() = default;
  // Nothing is read yet. `on_stale` is told why files that changed could not be read, once for each
  // change; may be null.
  explicit RegistriesConf(RegistriesConfFiles files,
                          std::function<void(const absl::Status& why)> on_stale = nullptr);

  // The table. It is read again where a file has come, gone or changed (time, size or inode); where
  // that fails, the last good one stays. What is returned does not change.
  // Errors: as LoadRegistriesConf, where there was no good one yet.
  absl::StatusOr<std::shared_ptr<const RegistryTable>> Current();

 private:
  const RegistriesConfFiles files_ = {};
  const std::function<void(const absl::Status& why)> on_stale_;

  absl::Mutex mutex_;
  // What the files looked like when they were read the last time; empty: never.
  std::string seen_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const RegistryTable> table_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_REGISTRIES_REGISTRIES_CONF_H_
