#ifndef HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_SEARCH_H_
#define HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_SEARCH_H_

#include <sys/types.h>

#include <string>
#include <variant>
#include <vector>

#include "proto/credentials/auth_file.h"

namespace holkas {

// Where Skopeo looks for credentials, and where it keeps them: functions of an environment, which
// look at no file.

// What of a process decides it. An empty string is a variable that is not set.
struct AuthEnvironment {
  std::string home;
  std::string registry_auth_file;
  std::string xdg_runtime_dir;
  std::string xdg_config_home;
  std::string docker_config;
  uid_t user_id = 0;
};

// That of this process; the home directory is the user database's where HOME is not set.
AuthEnvironment ProcessAuthEnvironment();

struct AuthFileLocation {
  std::string path;
  AuthFileFormat format = AuthFileFormat::kAuths;
  bool operator==(const AuthFileLocation&) const = default;
};

// A credential helper that is asked for every registry.
struct GeneralHelper {
  std::string name;
  bool operator==(const GeneralHelper&) const = default;
};

using CredentialSource = std::variant<AuthFileLocation, GeneralHelper>;

// What `credential-helpers` of containers-registries.conf(5) calls the files.
inline constexpr char kAuthFileHelper[] = "containers-auth.json";

// The files to look credentials up in, in order: REGISTRY_AUTH_FILE alone where it is set.
std::vector<AuthFileLocation> AuthFilesToRead(const AuthEnvironment& environment);

// The same in the places that `helpers`, the value of `credential-helpers`, gives to files and to
// helpers. Empty: the files alone.
std::vector<CredentialSource> CredentialSources(std::vector<AuthFileLocation> files,
                                                const std::vector<std::string>& helpers);

// The file that keeps what a user logs in with.
struct AuthFileToWrite {
  std::string path;
  // Whether it is Docker's own, whose keys are Docker's.
  bool docker_compatible = false;
  // Whether somebody chose it, who then looks there alone.
  bool chosen = false;
};

// By the environment: REGISTRY_AUTH_FILE, Docker's file where DOCKER_CONFIG is set, else the first
// of AuthFilesToRead.
AuthFileToWrite AuthFileToWriteFor(const AuthEnvironment& environment);

// Docker's file in the home directory; empty without one.
std::string DockerAuthFile(const AuthEnvironment& environment);

}  // namespace holkas

#endif  // HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_SEARCH_H_
