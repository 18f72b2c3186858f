#include "clients/cli/login.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/check_login.h"
#include "clients/cli/go_text.h"
#include "clients/cli/login_store.h"
#include "clients/cli/registry_argument.h"
#include "clients/cli/terminal_input.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr char kHelp[] =
    "Logs in to a registry, and keeps user name and password for other commands.\n"
    "\n"
    "REGISTRY is HOST[:PORT], or HOST[:PORT]/PATH for credentials of a namespace or repository.\n"
    "They are kept in a file, or in the first of the credential-helpers of registries.conf that\n"
    "takes them.\n"
    "\n"
    "Usage:\n"
    "holkas login [command options] REGISTRY\n"
    "\n"
    "Examples:\n"
    "holkas login registry.example.com\n"
    "holkas login --username me --password-stdin registry.example.com/team < password\n";

std::vector<Flag> LoginFlags() {
  std::vector<Flag> flags = {
      {"username", 'u', FlagType::kString, "", "user name for the registry"},
      {"password", 'p', FlagType::kString, "", "password for the registry"},
      {"password-stdin", '\0', FlagType::kBool, "", "read the password from standard input"},
      {"get-login", '\0', FlagType::kBool, "", "print the user who is logged in to the registry"},
      {"verbose", 'v', FlagType::kBool, "", "say where the credentials are kept"},
      {"cert-dir", '\0', FlagType::kString, "PATH",
       "certificates (*.crt, *.cert, *.key) for the registry are in PATH"},
      {"tls-verify", '\0', FlagType::kBool, "",
       "require HTTPS with a verified certificate of the registry (default true)"},
  };
  for (Flag& flag : LoginStore::Flags()) {
    flags.push_back(std::move(flag));
  }
  return flags;
}

// The user among `credentials`; empty for none.
std::string UserOf(const Credentials& credentials) {
  if (const auto* token = std::get_if<IdentityToken>(&credentials)) {
    return token->user;
  }
  const auto* login = std::get_if<UserPassword>(&credentials);
  return login == nullptr ? "" : login->user;
}

absl::Status PrintUser(const CredentialKey& key, const Credentials& existing, Console& console) {
  std::string user = UserOf(existing);
  if (user.empty()) {
    return absl::NotFoundError(absl::StrCat("not logged into ", key.ToString()));
  }
  return console.Write(absl::StrCat(user, "\n"));
}

// The password of the flags; empty: it is still to be asked for.
absl::StatusOr<std::string> GivenPassword(const FlagSet& flags, TerminalInput& input) {
  std::string password = flags.String("password");
  if (!flags.Bool("password-stdin")) {
    return password;
  }
  if (!password.empty()) {
    return absl::InvalidArgumentError("Can't specify both --password-stdin and --password");
  }
  if (flags.String("username").empty()) {
    return absl::InvalidArgumentError("Must provide --username with --password-stdin");
  }
  return input.ReadAllLines();
}

// User and password, of which the user is asked for what is not known.
absl::StatusOr<UserPassword> AskForLogin(const std::string& given_user, std::string password,
                                         const std::string& existing_user, TerminalInput& input,
                                         Console& console) {
  std::string user = given_user;
  if (user.empty()) {
    std::string known = existing_user.empty() ? "" : absl::StrCat(" (", existing_user, ")");
    RETURN_IF_ERROR(console.Write(absl::StrCat("Username", known, ": ")));
    absl::StatusOr<std::string> line = input.ReadLine();
    if (!line.ok()) {
      return WithContext(line.status(), "getting username and password: reading username");
    }
    user = absl::StripAsciiWhitespace(*line).empty() ? existing_user : *line;
  }
  if (password.empty()) {
    absl::StatusOr<std::string> line =
        input.ReadHiddenLine([&console] { return console.Write("Password: "); });
    if (!line.ok()) {
      return WithContext(line.status(), "getting username and password: reading password");
    }
    password = *std::move(line);
    RETURN_IF_ERROR(console.Write("\n"));
  }
  return UserPassword{std::string(absl::StripAsciiWhitespace(user)), std::move(password)};
}

// Whether the registry accepts what is kept already; says so.
absl::StatusOr<bool> ExistingLoginIsGood(const FlagSet& flags, CommandContext& context,
                                         const CredentialKey& key, const UserPassword& existing,
                                         absl::Time deadline) {
  RETURN_IF_ERROR(context.console.Write(
      absl::StrCat("Authenticating with existing credentials for ", key.ToString(), "\n")));
  absl::Status checked = CheckLogin(flags, context, key, existing, deadline);
  // Who interrupts this wants no prompt.
  if (absl::IsCancelled(checked) || absl::IsDeadlineExceeded(checked)) {
    return checked;
  }
  RETURN_IF_ERROR(context.console.Write(
      checked.ok() ? absl::StrCat("Existing credentials are valid. Already logged in to ",
                                  key.Registry(), "\n")
                   : "Existing credentials are invalid, please enter valid username and "
                     "password\n"));
  return checked.ok();
}

absl::Status ExplainRefusal(const absl::Status& status, const CredentialKey& key) {
  std::string name = GoQuote(key.ToString());
  if (ErrorReason(status) == "REGISTRY_UNAUTHORIZED") {
    return MakeError(status.code(), ErrorReason(status),
                     absl::StrCat("logging into ", name, ": invalid username/password"));
  }
  return WithContext(status, absl::StrCat("authenticating creds for ", name));
}

absl::Status RunLogin(const FlagSet& flags, const std::vector<std::string>& arguments,
                      CommandContext& context) {
  absl::Time deadline = DeadlineOf(flags);
  Console& console = context.console;
  ASSIGN_OR_RETURN(LoginStore store, LoginStore::Open(flags, context));
  ASSIGN_OR_RETURN(CredentialKey key, ParseOneRegistryArgument(arguments, "login", "login to"));
  ASSIGN_OR_RETURN(Credentials existing, store.Get(key));
  if (flags.Bool("get-login")) {
    return PrintUser(key, existing, console);
  }
  if (std::holds_alternative<IdentityToken>(existing)) {
    return absl::FailedPreconditionError(
        "currently logged in, auth file contains an Identity token");
  }
  TerminalInput input(context.input_fd);
  ASSIGN_OR_RETURN(std::string password, GivenPassword(flags, input));
  std::string user = flags.String("username");
  const auto* kept = std::get_if<UserPassword>(&existing);
  if (user.empty() && password.empty() && kept != nullptr && !kept->user.empty() &&
      !kept->password.empty()) {
    ASSIGN_OR_RETURN(bool good, ExistingLoginIsGood(flags, context, key, *kept, deadline));
    if (good) {
      return absl::OkStatus();
    }
  }
  ASSIGN_OR_RETURN(UserPassword login,
                   AskForLogin(user, std::move(password), UserOf(existing), input, console));
  RETURN_IF_ERROR(ExplainRefusal(CheckLogin(flags, context, key, login, deadline), key));
  ASSIGN_OR_RETURN(std::string place, store.Set(key, login));
  if (flags.Bool("verbose")) {
    RETURN_IF_ERROR(console.Write(absl::StrCat("Used:  ", place, "\n")));
  }
  return console.Write("Login Succeeded!\n");
}

}  // namespace

Command LoginCommand() { return {"login", "Log in to a registry", kHelp, LoginFlags(), &RunLogin}; }

}  // namespace holkas
