#include "proto/credentials/auth_file_search.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

std::string HomeOf(uid_t user_id) {
  passwd entry;
  passwd* found = nullptr;
  std::string buffer(16384, '\0');
  (void)getpwuid_r(user_id, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? "" : found->pw_dir;
}

// The file of the session, which does not outlive it.
std::string SessionAuthFile(const AuthEnvironment& environment) {
  return environment.xdg_runtime_dir.empty()
             ? absl::StrCat("/run/containers/", environment.user_id, "/auth.json")
             : absl::StrCat(environment.xdg_runtime_dir, "/containers/auth.json");
}

}  // namespace

AuthEnvironment ProcessAuthEnvironment() {
  AuthEnvironment environment = {Variable("HOME"),
                                 Variable("REGISTRY_AUTH_FILE"),
                                 Variable("XDG_RUNTIME_DIR"),
                                 Variable("XDG_CONFIG_HOME"),
                                 Variable("DOCKER_CONFIG"),
                                 getuid()};
  if (environment.home.empty()) {
    environment.home = HomeOf(environment.user_id);
  }
  return environment;
}

std::string DockerAuthFile(const AuthEnvironment& environment) {
  return environment.home.empty() ? "" : absl::StrCat(environment.home, "/.docker/config.json");
}

std::vector<AuthFileLocation> AuthFilesToRead(const AuthEnvironment& environment) {
  if (!environment.registry_auth_file.empty()) {
    return {{environment.registry_auth_file}};
  }
  const std::string& home = environment.home;
  std::vector<AuthFileLocation> files = {{SessionAuthFile(environment)}};
  if (!environment.xdg_config_home.empty()) {
    files.push_back({absl::StrCat(environment.xdg_config_home, "/containers/auth.json")});
  } else if (!home.empty()) {
    files.push_back({absl::StrCat(home, "/.config/containers/auth.json")});
  }
  if (!environment.docker_config.empty()) {
    files.push_back({absl::StrCat(environment.docker_config, "/config.json")});
  } else if (!home.empty()) {
    files.push_back({DockerAuthFile(environment)});
  }
  if (!home.empty()) {
    files.push_back({absl::StrCat(home, "/.dockercfg"), AuthFileFormat::kLegacy});
  }
  return files;
}

std::vector<CredentialSource> CredentialSources(std::vector<AuthFileLocation> files,
                                                const std::vector<std::string>& helpers) {
  std::vector<CredentialSource> sources;
  if (helpers.empty()) {
    sources.assign(files.begin(), files.end());
  }
  for (const std::string& helper : helpers) {
    if (helper == kAuthFileHelper) {
      sources.insert(sources.end(), files.begin(), files.end());
    } else {
      sources.push_back(GeneralHelper{helper});
    }
  }
  return sources;
}

AuthFileToWrite AuthFileToWriteFor(const AuthEnvironment& environment) {
  if (!environment.registry_auth_file.empty()) {
    return {environment.registry_auth_file, /*docker_compatible=*/false, /*chosen=*/true};
  }
  if (!environment.docker_config.empty()) {
    return {absl::StrCat(environment.docker_config, "/config.json"), /*docker_compatible=*/true,
            /*chosen=*/true};
  }
  return {SessionAuthFile(environment), /*docker_compatible=*/false, /*chosen=*/false};
}

}  // namespace holkas
