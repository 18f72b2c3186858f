#include "proto/credentials/auth_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/credentials/auth_file_json.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "proto/wire/wipe.h"

namespace holkas {
namespace {

using nlohmann::json;

constexpr absl::string_view kDockerHub = "docker.io";
constexpr absl::string_view kDockerHubOldName = "index.docker.io";
constexpr absl::string_view kDockerHubApi = "registry-1.docker.io";

absl::Status Unavailable(const std::string& path, absl::string_view why) {
  return MakeError(absl::StatusCode::kUnauthenticated, "CREDENTIALS_UNAVAILABLE",
                   absl::StrCat("reading JSON file \"", path, "\": ", why));
}

// One name for all of Docker Hub's.
absl::string_view NormalizedRegistry(absl::string_view registry) {
  return registry == kDockerHub || registry == kDockerHubApi ? kDockerHubOldName : registry;
}

// The registry that the key of an entry stands for. Besides registries there are URLs: Docker's
// `https://index.docker.io/v1/`, and whatever users once typed. A path ends with a slash in a URL
// alone; without it, it is a namespace.
absl::string_view RegistryOfKey(absl::string_view key, AuthFileFormat format) {
  absl::string_view stripped = absl::StripPrefix(absl::StripPrefix(key, "http://"), "https://");
  if (stripped != key || absl::EndsWith(key, "/") || format == AuthFileFormat::kLegacy) {
    stripped = stripped.substr(0, stripped.find('/'));
  }
  return NormalizedRegistry(stripped);
}

// Takes the string `name` out of `object` and wipes it there. Errors: `object` has something else
// of the name.
absl::StatusOr<std::string> TakeString(json& object, const char* name) {
  auto member = object.find(name);
  if (member == object.end() || member->is_null()) {
    return std::string();
  }
  if (!member->is_string()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is not a string"));
  }
  std::string& text = member->get_ref<std::string&>();
  std::string taken = text;
  Wipe(text);
  return taken;
}

// The member `name` of `root`; null where there is none. Errors: it is not an object.
absl::StatusOr<json*> FindObject(json& root, const char* name) {
  auto member = root.find(name);
  if (member == root.end() || member->is_null()) {
    return nullptr;
  }
  if (!member->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is not an object"));
  }
  return &*member;
}

}  // namespace

absl::StatusOr<std::optional<std::string>> ReadAuthFileBytes(const std::string& path,
                                                             FileKinds kinds) {
  const bool pipes = kinds == FileKinds::kRegularAndPipes;
  // O_NONBLOCK: opening a FIFO is not to wait for its writer.
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | (pipes ? 0 : O_NONBLOCK)));
  if (!fd.valid() && (errno == ENOENT || errno == ENOTDIR)) {
    return std::nullopt;
  }
  struct stat info = {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0) {
    return Unavailable(path, strerror(errno));
  }
  if (!S_ISREG(info.st_mode) && !(pipes && S_ISFIFO(info.st_mode))) {
    return Unavailable(path, "it is not a regular file");
  }
  std::string bytes(kMaxAuthFileBytes + 1, '\0');
  size_t size = 0;
  ssize_t got;
  while ((got = read(fd.get(), bytes.data() + size, bytes.size() - size)) != 0) {
    if (got > 0) {
      size += static_cast<size_t>(got);
    } else if (errno != EINTR) {
      return Unavailable(path, strerror(errno));
    }
  }
  bytes.resize(size);
  if (size > kMaxAuthFileBytes) {
    Wipe(bytes);
    return Unavailable(path, absl::StrCat("it is larger than ", kMaxAuthFileBytes, " bytes"));
  }
  return bytes;
}

absl::StatusOr<AuthFile> AuthFile::Read(const std::string& path, AuthFileFormat format) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, ReadAuthFileBytes(path));
  if (!bytes.has_value()) {
    return AuthFile(path, format);
  }
  WipedAtEnd wiped(*bytes);
  return Parse(*bytes, path, format);
}

absl::StatusOr<AuthFile> AuthFile::Parse(absl::string_view bytes, const std::string& path,
                                         AuthFileFormat format) {
  AuthFile file(path, format);
  absl::Status read = file.Take(bytes);
  if (!read.ok()) {
    return Unavailable(path, read.message());
  }
  return file;
}

absl::Status AuthFile::Take(absl::string_view bytes) {
  ASSIGN_OR_RETURN(json root, ParseAuthJson(bytes));
  json* auths = &root;
  if (format_ == AuthFileFormat::kAuths) {
    ASSIGN_OR_RETURN(auths, FindObject(root, "auths"));
    ASSIGN_OR_RETURN(json * helpers, FindObject(root, "credHelpers"));
    ASSIGN_OR_RETURN(store_, TakeString(root, "credsStore"));
    if (helpers != nullptr) {
      for (const auto& [registry, name] : helpers->items()) {
        if (!name.is_string()) {
          return absl::InvalidArgumentError("a value in \"credHelpers\" is not a string");
        }
        helpers_[registry] = name.get<std::string>();
      }
    }
  }
  if (auths == nullptr) {
    return absl::OkStatus();
  }
  for (const auto& [key, entry] : auths->items()) {
    if (!entry.is_object() && !entry.is_null()) {
      return absl::InvalidArgumentError("an entry of \"auths\" is not an object");
    }
    Auth& auth = auths_[key];
    if (entry.is_object()) {
      ASSIGN_OR_RETURN(auth.auth, TakeString(entry, "auth"));
      ASSIGN_OR_RETURN(auth.identity_token, TakeString(entry, "identitytoken"));
    }
  }
  return absl::OkStatus();
}

AuthFile::~AuthFile() {
  for (auto& [key, auth] : auths_) {
    Wipe(auth.auth);
    Wipe(auth.identity_token);
  }
}

absl::StatusOr<AuthFile::Entry> AuthFile::Find(const CredentialKey& key) const {
  const std::string registry = key.Registry();
  // An empty name is Docker's for no helper.
  if (auto helper = helpers_.find(registry); helper != helpers_.end() && !helper->second.empty()) {
    return HelperEntry{helper->second, registry};
  }
  const Auth* auth = FindAuth(key);
  if (auth != nullptr) {
    ASSIGN_OR_RETURN(Credentials credentials, Decode(*auth));
    if (const auto* token = std::get_if<IdentityToken>(&credentials)) {
      return *token;
    }
    if (const auto* basic = std::get_if<UserPassword>(&credentials)) {
      return *basic;
    }
  }
  std::string server = registry == kDockerHub ? kDockerHubServer : registry;
  auto helper = helpers_.find(server);
  std::string name = helper == helpers_.end() ? store_ : helper->second;
  if (!name.empty()) {
    return HelperEntry{std::move(name), std::move(server), auth != nullptr};
  }
  return NoCredentials();
}

std::vector<std::string> AuthFile::Keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, auth] : auths_) {
    keys.push_back(key);
  }
  return keys;
}

const AuthFile::Auth* AuthFile::FindAuth(const CredentialKey& key) const {
  std::string registry = key.Registry();
  // The legacy format knows no namespaces.
  std::vector<std::string> order =
      format_ == AuthFileFormat::kLegacy ? std::vector{registry} : key.LookUpOrder();
  for (const std::string& candidate : order) {
    if (auto found = auths_.find(candidate); found != auths_.end()) {
      return &found->second;
    }
  }
  for (const auto& [entry_key, auth] : auths_) {
    if (RegistryOfKey(entry_key, format_) == NormalizedRegistry(registry)) {
      return &auth;
    }
  }
  return nullptr;
}

absl::StatusOr<Credentials> AuthFile::Decode(const Auth& auth) const {
  std::string decoded;
  WipedAtEnd wiped(decoded);
  if (!absl::Base64Unescape(auth.auth, &decoded)) {
    return Unavailable(path_, "the \"auth\" of an entry is not base64");
  }
  size_t colon = decoded.find(':');
  std::string user = decoded.substr(0, colon);
  if (!auth.identity_token.empty()) {
    return IdentityToken{auth.identity_token, colon == std::string::npos ? "" : user};
  }
  // Skopeo and Docker skip what is no `user:password`.
  if (colon == std::string::npos) {
    return NoCredentials();
  }
  // Docker once padded it.
  std::string password = decoded.substr(colon + 1);
  size_t begin = password.find_first_not_of('\0');
  size_t end = password.find_last_not_of('\0');
  return UserPassword{std::move(user), begin == std::string::npos
                                           ? std::string()
                                           : password.substr(begin, end - begin + 1)};
}

}  // namespace holkas
