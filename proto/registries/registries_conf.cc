#include "proto/registries/registries_conf.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/registries/parse_registries_conf.h"
#include "proto/wire/error.h"
#include "proto/wire/read_config_file.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr char kSystemFile[] = "/etc/containers/registries.conf";
constexpr char kUserFile[] = ".config/containers/registries.conf";
constexpr char kDirectorySuffix[] = ".d";

// Files of all directories together.
constexpr size_t kMaxDropIns = 1000;

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

// The drop-in files, in the order in which they count.
absl::StatusOr<std::vector<std::string>> ListDropIns(const RegistriesConfFiles& files) {
  std::vector<std::string> all;
  for (const std::string& directory : files.drop_in_directories) {
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    if (error == std::errc::no_such_file_or_directory) {
      continue;
    }
    std::vector<std::string> names;
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      std::error_code ignored;
      if (absl::EndsWith(entry->path().string(), ".conf") && !entry->is_directory(ignored)) {
        names.push_back(entry->path().string());
      }
    }
    if (error) {
      return ErrnoError(error.value(), absl::StrCat("read directory ", directory));
    }
    std::sort(names.begin(), names.end());
    all.insert(all.end(), names.begin(), names.end());
  }
  if (all.size() > kMaxDropIns) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
                     absl::StrCat("more than ", kMaxDropIns, " drop-in files of registries.conf"));
  }
  return all;
}

absl::Status AddFile(const std::string& path, RegistriesConfForm form, RegistryTable& table) {
  ASSIGN_OR_RETURN(const std::string text, ReadConfigFile(path));
  ASSIGN_OR_RETURN(ParsedRegistriesConf conf, ParseRegistriesConf(text, path, form));
  for (RegistryEntry& entry : conf.entries) {
    table.Set(std::move(entry));
  }
  if (conf.credential_helpers.has_value()) {
    table.SetCredentialHelpers(*std::move(conf.credential_helpers));
  }
  return absl::OkStatus();
}

// What a file looks like from outside; the same as long as it was not changed.
std::string LookOf(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) {
    return absl::StrCat(path, " -\n");
  }
  return absl::StrCat(path, " ", status.st_dev, " ", status.st_ino, " ", status.st_size, " ",
                      status.st_mtim.tv_sec, ".", status.st_mtim.tv_nsec, "\n");
}

std::string LookOf(const RegistriesConfFiles& files) {
  std::string look = LookOf(files.main);
  const absl::StatusOr<std::vector<std::string>> drop_ins = ListDropIns(files);
  if (!drop_ins.ok()) {
    return absl::StrCat(look, drop_ins.status().message());
  }
  for (const std::string& path : *drop_ins) {
    absl::StrAppend(&look, LookOf(path));
  }
  return look;
}

}  // namespace

RegistriesConfEnvironment ProcessRegistriesConfEnvironment() {
  return {Variable("HOME"), Variable("CONTAINERS_REGISTRIES_CONF"),
          Variable("REGISTRIES_CONFIG_PATH"),
          [](const std::string& file) { return access(file.c_str(), F_OK) == 0; }};
}

RegistriesConfFiles FindRegistriesConf(const std::string& path,
                                       const RegistriesConfEnvironment& environment) {
  RegistriesConfFiles files;
  const std::string user_file =
      environment.home.empty() ? "" : absl::StrCat(environment.home, "/", kUserFile);
  const std::string user_directory =
      user_file.empty() ? "" : absl::StrCat(user_file, kDirectorySuffix);
  for (const std::string& named :
       {path, environment.containers_registries_conf, environment.registries_config_path}) {
    if (files.main.empty()) {
      files.main = named;
    }
  }
  files.required = !files.main.empty();
  const bool is_user_file =
      files.main.empty() && !user_file.empty() && environment.exists(user_file);
  if (is_user_file) {
    files.main = user_file;
  } else {
    files.main = files.main.empty() ? kSystemFile : files.main;
    files.drop_in_directories.push_back(absl::StrCat(kSystemFile, kDirectorySuffix));
  }
  if (!user_directory.empty()) {
    files.drop_in_directories.push_back(user_directory);
  }
  return files;
}

RegistriesConfFiles RegistriesConfAt(const std::string& path) {
  return {path, true, {absl::StrCat(path, kDirectorySuffix)}};
}

absl::StatusOr<RegistryTable> LoadRegistriesConf(const RegistriesConfFiles& files) {
  RegistryTable table;
  if (files.main.empty()) {
    return table;
  }
  absl::Status main = AddFile(files.main, RegistriesConfForm::kAny, table);
  if (!main.ok() && !(absl::IsNotFound(main) && !files.required)) {
    return WithContext(main, "loading registries configuration");
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> drop_ins, ListDropIns(files));
  for (const std::string& path : drop_ins) {
    absl::Status added = AddFile(path, RegistriesConfForm::kSecondAlone, table);
    // Gone since the directory was listed.
    if (!added.ok() && !absl::IsNotFound(added)) {
      return WithContext(added, "loading drop-in registries configuration");
    }
  }
  return table;
}

RegistriesConf::RegistriesConf(RegistriesConfFiles files,
                               std::function<void(const absl::Status& why)> on_stale)
    : files_(std::move(files)), on_stale_(std::move(on_stale)) {}

absl::StatusOr<std::shared_ptr<const RegistryTable>> RegistriesConf::Current() {
  // Before the files are read: what changes meanwhile is seen the next time.
  std::string look = LookOf(files_);
  absl::MutexLock lock(&mutex_);
  if (look != seen_) {
    seen_ = std::move(look);
    absl::StatusOr<RegistryTable> loaded = LoadRegistriesConf(files_);
    last_error_ = loaded.status();
    if (loaded.ok()) {
      table_ = std::make_shared<const RegistryTable>(*std::move(loaded));
    } else if (table_ != nullptr && on_stale_) {
      on_stale_(last_error_);
    }
  }
  if (table_ == nullptr) {
    return last_error_;
  }
  return table_;
}

}  // namespace holkas
