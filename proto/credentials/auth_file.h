#ifndef HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_H_
#define HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/credentials/credential_key.h"
#include "proto/credentials/credentials.h"

namespace holkas {

// Docker's key and server name for Docker Hub.
inline constexpr char kDockerHubServer[] = "https://index.docker.io/v1/";

// More is no file of credentials.
inline constexpr size_t kMaxAuthFileBytes = 1 << 20;

enum class AuthFileFormat {
  // containers-auth.json(5) and Docker's config.json.
  kAuths,
  // ~/.dockercfg: the entries alone, by URL.
  kLegacy,
};

enum class FileKinds {
  kRegular,
  // Pipes too, which the shell gives a program for `<(command)`: reading may wait for their writer.
  kRegularAndPipes,
};

// The bytes of the file at `path`; nullopt where there is none.
// Errors: UNAUTHENTICATED (CREDENTIALS_UNAVAILABLE) naming the file, where it cannot be read, is
// not of `kinds` or larger than kMaxAuthFileBytes.
absl::StatusOr<std::optional<std::string>> ReadAuthFileBytes(const std::string& path,
                                                             FileKinds kinds = FileKinds::kRegular);

// A file of credentials, to read. It runs no credential helper: it says which one to ask. Errors
// name the file and what is wrong with it, and never anything that it holds.
class AuthFile {
 public:
  // What a file says: none of its credentials fit, some do, or a helper is to be asked.
  using Entry = std::variant<NoCredentials, UserPassword, IdentityToken, HelperEntry>;

  // The file at `path`; one without entries where there is none.
  // Errors: those of ReadAuthFileBytes and of Parse.
  static absl::StatusOr<AuthFile> Read(const std::string& path, AuthFileFormat format);

  // The file `bytes`; `path` is for messages.
  // Errors: UNAUTHENTICATED (CREDENTIALS_UNAVAILABLE) where it is not of the format.
  static absl::StatusOr<AuthFile> Parse(absl::string_view bytes, const std::string& path,
                                        AuthFileFormat format);

  ~AuthFile();
  AuthFile(AuthFile&&) = default;
  AuthFile& operator=(AuthFile&&) = default;

  // The credentials for `key`, in Skopeo's order: the helper of `credHelpers` for the registry, the
  // entries of `auths` from the key up to the registry, an entry whose key is a URL of the
  // registry. Where these give nothing, the helper that Docker would ask, which Skopeo does not:
  // `credsStore`, or that of Docker's name for Docker Hub in `credHelpers`. It is required where
  // there is an entry without credentials, which Docker writes when its helper took them.
  // Errors: UNAUTHENTICATED (CREDENTIALS_UNAVAILABLE) where the entry is malformed.
  absl::StatusOr<Entry> Find(const CredentialKey& key) const;

  // The keys of `auths`.
  std::vector<std::string> Keys() const;
  // `credHelpers`: from registry to the name of its helper.
  const std::map<std::string, std::string>& helpers() const { return helpers_; }
  // `credsStore`: the helper for all other registries; empty for none.
  const std::string& store() const { return store_; }

 private:
  struct Auth {
    // base64 of `user:password`.
    std::string auth;
    std::string identity_token;
  };

  AuthFile(const std::string& path, AuthFileFormat format) : path_(path), format_(format) {}

  // Reads the entries. Errors: INVALID_ARGUMENT, what is wrong.
  absl::Status Take(absl::string_view bytes);

  const Auth* FindAuth(const CredentialKey& key) const;
  absl::StatusOr<Credentials> Decode(const Auth& auth) const;

  std::string path_;
  AuthFileFormat format_;
  std::map<std::string, Auth> auths_;
  std::map<std::string, std::string> helpers_;
  std::string store_;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_H_
