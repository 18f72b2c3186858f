#include "clients/cli/registry_flags.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using holkas::v1::BasicCredentials;
using holkas::v1::RegistryAccess;

absl::Status CheckConflicts(const FlagSet& flags, const std::string& prefix) {
  auto set = [&](absl::string_view name) { return flags.IsSet(absl::StrCat(prefix, name)); };
  bool anonymous = flags.Bool(prefix + "no-creds");
  auto conflict = [](absl::string_view message) { return absl::InvalidArgumentError(message); };
  if (set("creds") && anonymous) {
    return conflict("creds and no-creds cannot be specified at the same time");
  }
  if (set("username") && anonymous) {
    return conflict("username and no-creds cannot be specified at the same time");
  }
  if (set("creds") && set("username")) {
    return conflict("creds and username cannot be specified at the same time");
  }
  if (set("username") && !set("password")) {
    return conflict("password must be specified when username is specified");
  }
  if (set("password") && !set("username")) {
    return conflict("username must be specified when password is specified");
  }
  return absl::OkStatus();
}

// `USERNAME[:PASSWORD]`; only the first colon separates.
absl::StatusOr<BasicCredentials> ParseCredentials(const std::string& text) {
  BasicCredentials credentials;
  size_t colon = text.find(':');
  credentials.set_username(text.substr(0, colon));
  if (colon != std::string::npos) {
    credentials.set_password(text.substr(colon + 1));
  }
  if (text.empty()) {
    return absl::InvalidArgumentError("credentials can't be empty");
  }
  if (credentials.username().empty()) {
    return absl::InvalidArgumentError("username can't be empty");
  }
  return credentials;
}

}  // namespace

std::vector<Flag> RegistryFlags(absl::string_view prefix) {
  absl::string_view whose = prefix == "src-"    ? "the source's "
                            : prefix == "dest-" ? "the destination's "
                                                : "the ";
  auto name = [&](absl::string_view flag) { return absl::StrCat(prefix, flag); };
  auto usage = [&](absl::string_view before, absl::string_view after) {
    return absl::StrCat(before, whose, after);
  };
  return {
      {name("creds"), '\0', FlagType::kString, "USERNAME[:PASSWORD]",
       usage("log in to ", "registry as USERNAME with PASSWORD")},
      {name("username"), '\0', FlagType::kString, "", usage("user name for ", "registry")},
      {name("password"), '\0', FlagType::kString, "", usage("password for ", "registry")},
      {name("no-creds"), '\0', FlagType::kBool, "", usage("access ", "registry anonymously")},
      {name("cert-dir"), '\0', FlagType::kString, "PATH",
       usage("certificates (*.crt, *.cert, *.key) for ",
             "registry are in PATH; ca.pem, cert.pem, key.pem for a Docker daemon")},
      {name("tls-verify"), '\0', FlagType::kBool, "",
       usage("require HTTPS with a verified certificate of ", "registry (default true)")},
      {name("registry-token"), '\0', FlagType::kString, "",
       usage("present this bearer token to ", "registry")},
      {name("authfile"), '\0', FlagType::kString, "PATH",
       usage("look up the credentials for ", "registry in PATH alone")},
      {name("daemon-host"), '\0', FlagType::kString, "URL",
       usage("where ", "Docker daemon listens (default unix:///var/run/docker.sock)")},
      {name("shared-blob-dir"), '\0', FlagType::kString, "DIRECTORY",
       usage("", "oci: layout has its blobs in DIRECTORY, which layouts may share")},
  };
}

absl::StatusOr<RegistryAccess> RegistryAccessOf(const FlagSet& flags, absl::string_view prefix_view,
                                                holkas::v1::TlsVerification deprecated_tls) {
  std::string prefix(prefix_view);
  RETURN_IF_ERROR(CheckConflicts(flags, prefix));
  RegistryAccess access;
  access.set_tls_verification(deprecated_tls);
  if (flags.IsSet(prefix + "tls-verify")) {
    access.set_tls_verification(TlsVerificationOf(flags, prefix + "tls-verify"));
  }
  access.set_daemon_host(flags.String(prefix + "daemon-host"));
  access.set_shared_blob_directory(flags.String(prefix + "shared-blob-dir"));
  // A token goes before credentials, as with Skopeo.
  if (flags.IsSet(prefix + "registry-token")) {
    access.set_bearer_token(flags.String(prefix + "registry-token"));
  } else if (flags.IsSet(prefix + "creds")) {
    ASSIGN_OR_RETURN(*access.mutable_basic(), ParseCredentials(flags.String(prefix + "creds")));
  } else if (flags.IsSet(prefix + "username")) {
    access.mutable_basic()->set_username(flags.String(prefix + "username"));
    access.mutable_basic()->set_password(flags.String(prefix + "password"));
  } else if (flags.Bool(prefix + "no-creds")) {
    access.set_anonymous(true);
  } else {
    // copy has one for both images too.
    bool own = flags.IsSet(prefix + "authfile");
    access.set_auth_file(flags.String(own ? prefix + "authfile" : "authfile"));
  }
  return access;
}

void ResolveSharedBlobs(const std::string& working_directory, RegistryAccess& access) {
  const std::string& path = access.shared_blob_directory();
  if (!path.empty() && !absl::StartsWith(path, "/")) {
    access.set_shared_blob_directory(absl::StrCat(working_directory, "/", path));
  }
}

holkas::v1::TlsVerification TlsVerificationOf(const FlagSet& flags, absl::string_view name) {
  if (!flags.IsSet(name)) {
    return holkas::v1::TLS_VERIFICATION_UNSPECIFIED;
  }
  return flags.Bool(name) ? holkas::v1::TLS_VERIFICATION_REQUIRED
                          : holkas::v1::TLS_VERIFICATION_DISABLED;
}

}  // namespace holkas
