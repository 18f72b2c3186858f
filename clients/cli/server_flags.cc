#include "clients/cli/server_flags.h"

#include <algorithm>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "proto/wire/error.h"
#include "proto/wire/read_config_file.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr char kCa[] = "server-ca";
constexpr char kCertificate[] = "server-cert";
constexpr char kKey[] = "server-key";
constexpr char kTokenFile[] = "server-token-file";
constexpr char kInsecure[] = "server-insecure";

// Servers take no larger metadata.
constexpr size_t kMaxTokenBytes = 4096;

absl::Status Invalid(absl::string_view why) { return absl::InvalidArgumentError(why); }

// `HOLKAS_SERVER_CA` for `server-ca`.
std::string VariableOf(const std::string& flag) {
  return absl::StrCat("HOLKAS_", absl::AsciiStrToUpper(absl::StrReplaceAll(flag, {{"-", "_"}})));
}

// The content of the file that the flag or its variable names; empty where none does.
absl::StatusOr<std::string> ContentOf(const std::string& flag, const std::string& path) {
  if (path.empty()) {
    return std::string();
  }
  absl::StatusOr<std::string> content = ReadConfigFile(path);
  if (!content.ok()) {
    return WithContext(content.status(), absl::StrCat("--", flag));
  }
  if (content->empty()) {
    return Invalid(absl::StrCat("--", flag, ": ", path, ": is empty"));
  }
  return content;
}

absl::StatusOr<std::string> TokenOf(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content, ContentOf(kTokenFile, path));
  const std::string token(absl::StripAsciiWhitespace(content));
  const bool is_token = std::all_of(token.begin(), token.end(), absl::ascii_isgraph);
  if (!path.empty() && (token.empty() || token.size() > kMaxTokenBytes || !is_token)) {
    return Invalid(absl::StrCat("--", kTokenFile, ": ", path, ": must hold a token, 1 to ",
                                kMaxTokenBytes, " visible characters"));
  }
  return token;
}

}  // namespace

std::vector<Flag> ServerFlags() {
  return {
      {"server", '\0', FlagType::kString, "ADDRESS",
       "use the server at unix:/PATH or tcp:HOST:PORT (default $HOLKAS_SERVER; without it, a "
       "private one)"},
      {kCa, '\0', FlagType::kString, "FILE",
       "authorities in PEM of the server's certificate (default $HOLKAS_SERVER_CA, or the "
       "system's)"},
      {kCertificate, '\0', FlagType::kString, "FILE",
       "show the server this certificate in PEM (default $HOLKAS_SERVER_CERT)"},
      {kInsecure, '\0', FlagType::kBool, "",
       "talk to a server of this machine over TCP without TLS (or $HOLKAS_SERVER_INSECURE=1)"},
      {kKey, '\0', FlagType::kString, "FILE",
       "private key in PEM of the certificate to show (default $HOLKAS_SERVER_KEY)"},
      {kTokenFile, '\0', FlagType::kString, "FILE",
       "show the server the token in FILE (default $HOLKAS_SERVER_TOKEN_FILE)"},
  };
}

std::map<std::string, std::string> ServerVariables() {
  std::map<std::string, std::string> variables;
  for (const char* flag : {kCa, kCertificate, kKey, kTokenFile, kInsecure}) {
    if (const char* value = getenv(VariableOf(flag).c_str())) {
      variables[flag] = value;
    }
  }
  return variables;
}

absl::StatusOr<ServerAccess> ServerAccessOf(const FlagSet& flags,
                                            const std::map<std::string, std::string>& variables,
                                            const std::string& address) {
  const bool over_tcp = !address.empty() && !absl::StartsWith(address, "unix:");
  const auto value = [&flags, &variables](const char* flag) {
    const auto variable = variables.find(flag);
    return flags.IsSet(flag)             ? flags.String(flag)
           : variable == variables.end() ? std::string()
                                         : variable->second;
  };
  for (const char* flag : {kCa, kCertificate, kKey, kTokenFile, kInsecure}) {
    if (!over_tcp && flags.IsSet(flag)) {
      return Invalid(
          absl::StrCat("--", flag, " is for a server over TCP (--server tcp:HOST:PORT)"));
    }
  }
  ServerAccess access;
  if (!over_tcp) {
    return access;
  }
  const auto insecure = variables.find(kInsecure);
  access.insecure = flags.IsSet(kInsecure) ? flags.Bool(kInsecure)
                                           : insecure != variables.end() && insecure->second == "1";
  for (const char* flag : {kCa, kCertificate, kKey}) {
    if (access.insecure && flags.IsSet(flag)) {
      return Invalid(absl::StrCat(
          "--", flag, " is for TLS, which ",
          flags.IsSet(kInsecure) ? absl::StrCat("--", kInsecure) : "HOLKAS_SERVER_INSECURE",
          " does without"));
    }
  }
  ASSIGN_OR_RETURN(access.ca_pem, ContentOf(kCa, value(kCa)));
  ASSIGN_OR_RETURN(access.certificate_pem, ContentOf(kCertificate, value(kCertificate)));
  ASSIGN_OR_RETURN(access.key_pem, ContentOf(kKey, value(kKey)));
  ASSIGN_OR_RETURN(access.token, TokenOf(value(kTokenFile)));
  return access;
}

}  // namespace holkas
