#include "service/storage/find_store.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/storage/storage_conf.h"

namespace holkas {
namespace {

constexpr char kSystemConf[] = "/etc/containers/storage.conf";
constexpr char kVendorConf[] = "/usr/share/containers/storage.conf";
constexpr char kGraphRoot[] = "/var/lib/containers/storage";
constexpr char kRunRoot[] = "/run/containers/storage";

constexpr absl::string_view kOtherDrivers[] = {"aufs", "btrfs", "devicemapper", "zfs"};
// Options of overlay that change nothing about what a layer's files are on disk, or limit what this
// writes no more than others. Additional stores are not looked into.
constexpr absl::string_view kPassedOverOptions[] = {
    "additionalimagestores",
    "ignore_chown_errors",
    "imagestores",
    "inodes",
    "mountopt",
    "override_kernel_check",
    "size",
    "skip_mount_home",
    "xattr_permissions",
};
// With it, nothing that a plain user cannot make is in the layers' directories.
constexpr absl::string_view kMountProgram = "mount_program";
constexpr absl::string_view kRefusedOptions[] = {"force_mask", "imagestore", "use_composefs"};

absl::Status InvalidStore(absl::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE", message);
}

// An option's name without what it may begin with, and its value.
std::pair<std::string, std::string> SplitOption(absl::string_view option) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(option, absl::MaxSplits('=', 1));
  const std::string name = absl::AsciiStrToLower(parts.first);
  absl::string_view key = name;
  for (absl::string_view prefix : {"storage.", "overlay.", "overlay2.", "vfs.", "."}) {
    absl::ConsumePrefix(&key, prefix);
  }
  return {std::string(key), std::string(parts.second)};
}

template <size_t kSize>
bool IsOneOf(const absl::string_view (&names)[kSize], absl::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

absl::Status CheckOption(absl::string_view driver, absl::string_view option) {
  const std::string key = SplitOption(option).first;
  if (IsOneOf(kRefusedOptions, key)) {
    return MakeError(absl::StatusCode::kUnimplemented, "OPTION_UNIMPLEMENTED",
                     absl::StrCat("storage option ", key, ": this version does not serve it"));
  }
  if (key != kMountProgram && !IsOneOf(kPassedOverOptions, key)) {
    return InvalidStore(absl::StrCat(driver, ": Unknown option ", option));
  }
  return absl::OkStatus();
}

// Finds one store.
class Finder {
 public:
  Finder(const StorageReference& reference, const StorageEnvironment& environment)
      : reference_(reference), environment_(environment) {}

  absl::StatusOr<StorageReference> Find() const;

 private:
  bool IsRoot() const { return environment_.uid == 0; }
  std::string Variable(const std::string& name) const { return environment_.variable(name); }
  std::string UserConf() const;
  absl::StatusOr<StorageConf> SystemDefaults() const;
  absl::StatusOr<StorageConf> UserDefaults() const;
  // What counts where the reference says nothing.
  absl::StatusOr<StorageConf> Defaults() const;
  // `$HOME`, `$UID` and other variables, as rootless_storage_path may have them.
  std::string Expand(absl::string_view path) const;
  absl::StatusOr<std::string> Driver(const std::string& named, const std::string& graph_root) const;

  const StorageReference& reference_;
  const StorageEnvironment& environment_;
};

std::string Finder::UserConf() const {
  if (const std::string config = Variable("XDG_CONFIG_HOME"); !config.empty()) {
    return absl::StrCat(config, "/containers/storage.conf");
  }
  const std::string home = Variable("HOME");
  return home.empty() || IsRoot() ? "" : absl::StrCat(home, "/.config/containers/storage.conf");
}

absl::StatusOr<StorageConf> Finder::SystemDefaults() const {
  if (const std::string named = Variable("CONTAINERS_STORAGE_CONF"); !named.empty()) {
    return LoadStorageConf(named);
  }
  std::vector<std::string> files = {kSystemConf, kVendorConf};
  if (IsRoot()) {
    files.insert(files.begin(), UserConf());
  }
  for (const std::string& file : files) {
    if (!file.empty() && environment_.exists(file)) {
      return LoadStorageConf(file);
    }
  }
  return StorageConf();
}

// Where a plain user's stores are: not where the system's configuration has the system's.
absl::StatusOr<StorageConf> Finder::UserDefaults() const {
  ASSIGN_OR_RETURN(StorageConf conf, SystemDefaults());
  const bool is_named = !Variable("CONTAINERS_STORAGE_CONF").empty();
  const StorageConf named = is_named ? conf : StorageConf();
  conf.graph_root = Expand(conf.rootless_storage_path);
  conf.run_root.clear();
  const std::string file = UserConf();
  StorageConf own = named;
  if (!is_named && !file.empty() && environment_.exists(file)) {
    ASSIGN_OR_RETURN(own, LoadStorageConf(file));
  }
  for (auto [to, from] :
       {std::pair(&conf.driver, &own.driver), std::pair(&conf.graph_root, &own.graph_root),
        std::pair(&conf.run_root, &own.run_root)}) {
    if (!from->empty()) {
      *to = Expand(*from);
    }
  }
  if (!own.options.empty()) {
    conf.options = own.options;
  }
  if (conf.graph_root.empty()) {
    const std::string data = Variable("XDG_DATA_HOME");
    const std::string home = Variable("HOME");
    if (data.empty() && home.empty()) {
      return absl::FailedPreconditionError(
          "find storage: neither XDG_DATA_HOME nor HOME was set non-empty");
    }
    conf.graph_root = absl::StrCat(data.empty() ? absl::StrCat(home, "/.local/share") : data,
                                   "/containers/storage");
  }
  if (conf.run_root.empty()) {
    std::string runtime = Variable("XDG_RUNTIME_DIR");
    const std::string standard = absl::StrCat("/run/user/", environment_.uid);
    if (runtime.empty() || !environment_.exists(runtime)) {
      runtime = environment_.exists(standard)
                    ? standard
                    : absl::StrCat("/tmp/containers-user-", environment_.uid);
    }
    conf.run_root = absl::StrCat(runtime, "/containers");
  }
  return conf;
}

absl::StatusOr<StorageConf> Finder::Defaults() const {
  StorageConf conf;
  if (IsRoot()) {
    ASSIGN_OR_RETURN(conf, SystemDefaults());
    conf.graph_root = conf.graph_root.empty() ? kGraphRoot : conf.graph_root;
    conf.run_root = conf.run_root.empty() ? kRunRoot : conf.run_root;
  } else {
    ASSIGN_OR_RETURN(conf, UserDefaults());
  }
  if (const std::string driver = Variable("STORAGE_DRIVER"); !driver.empty()) {
    conf.driver = driver;
  }
  if (const std::string options = Variable("STORAGE_OPTS"); !options.empty()) {
    conf.options = absl::StrSplit(options, ',');
  }
  return conf;
}

std::string Finder::Expand(absl::string_view path) const {
  std::string expanded;
  while (!path.empty()) {
    const size_t dollar = path.find('$');
    absl::StrAppend(&expanded, path.substr(0, dollar));
    if (dollar == absl::string_view::npos) {
      break;
    }
    path.remove_prefix(dollar + 1);
    const bool braced = absl::ConsumePrefix(&path, "{");
    size_t end = 0;
    while (end < path.size() && (absl::ascii_isalnum(path[end]) || path[end] == '_')) {
      ++end;
    }
    const std::string name(path.substr(0, end));
    path.remove_prefix(end);
    if (braced) {
      absl::ConsumePrefix(&path, "}");
    }
    absl::StrAppend(&expanded, name == "UID"    ? absl::StrCat(environment_.uid)
                               : name == "USER" ? environment_.user_name
                                                : Variable(name));
  }
  return expanded;
}

absl::StatusOr<std::string> Finder::Driver(const std::string& named,
                                           const std::string& graph_root) const {
  std::string driver = named;
  const auto has = [&](absl::string_view name) {
    return environment_.exists(absl::StrCat(graph_root, "/", name));
  };
  if (driver.empty() && !has("overlay")) {
    const auto* other = std::find_if(std::begin(kOtherDrivers), std::end(kOtherDrivers), has);
    if (other != std::end(kOtherDrivers)) {
      driver = std::string(*other);
    } else if (!IsRoot() && has("vfs")) {
      driver = "vfs";  // as podman chose it, where a plain user's overlay did not work
    }
  }
  if (driver.empty() || driver == "overlay2") {
    driver = "overlay";
  }
  if (driver == "overlay" || driver == "vfs") {
    return driver;
  }
  if (IsOneOf(kOtherDrivers, driver)) {
    return MakeError(absl::StatusCode::kUnimplemented, "TRANSPORT_UNIMPLEMENTED",
                     absl::StrCat("containers-storage of driver ", driver, " at ", graph_root,
                                  ": this version serves overlay and vfs"));
  }
  return InvalidStore(absl::StrCat("failed to GetDriver graph ", driver, " ", graph_root,
                                   ": driver not supported"));
}

absl::StatusOr<StorageReference> Finder::Find() const {
  ASSIGN_OR_RETURN(const StorageConf defaults, Defaults());
  const bool is_default = reference_.graph_root.empty() && reference_.run_root.empty();
  StorageReference store = reference_;
  if (store.graph_root.empty()) {
    store.graph_root = defaults.graph_root;
  }
  if (store.run_root.empty()) {
    store.run_root = defaults.run_root;
  }
  if (is_default) {
    store.driver = defaults.driver;
    store.options = defaults.options;
  }
  for (std::string* path : {&store.graph_root, &store.run_root}) {
    if (!absl::StartsWith(*path, "/")) {
      return InvalidStore(absl::StrCat("find storage: path \"", *path, "\" is not absolute"));
    }
    *path = std::filesystem::path(*path).lexically_normal().string();
    if (path->size() > 1 && path->back() == '/') {
      path->pop_back();
    }
  }
  ASSIGN_OR_RETURN(store.driver, Driver(store.driver, store.graph_root));
  for (const std::string& option : store.options) {
    RETURN_IF_ERROR(CheckOption(store.driver, option));
  }
  return store;
}

}  // namespace

StorageEnvironment ProcessStorageEnvironment() {
  StorageEnvironment environment;
  environment.uid = geteuid();
  passwd entry = {};
  passwd* found = nullptr;
  char buffer[16 << 10];
  if (getpwuid_r(environment.uid, &entry, buffer, sizeof(buffer), &found) == 0 &&
      found != nullptr) {
    environment.user_name = found->pw_name;
  }
  environment.variable = [](const std::string& name) {
    const char* value = getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  };
  environment.exists = [](const std::string& path) { return access(path.c_str(), F_OK) == 0; };
  return environment;
}

absl::StatusOr<StorageReference> FindStore(const StorageReference& reference,
                                           const StorageEnvironment& environment) {
  return Finder(reference, environment).Find();
}

broker::WhiteoutForm WhiteoutFormOf(const StorageReference& store, unsigned uid) {
  if (store.driver == "vfs") {
    return broker::WHITEOUT_FORM_UNSPECIFIED;
  }
  for (const std::string& option : store.options) {
    if (const auto [key, value] = SplitOption(option); key == kMountProgram && !value.empty()) {
      return broker::WHITEOUT_FORM_AUFS;
    }
  }
  return uid == 0 ? broker::WHITEOUT_FORM_OVERLAY : broker::WHITEOUT_FORM_OVERLAY_USER;
}

}  // namespace holkas
