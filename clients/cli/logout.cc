#include "clients/cli/logout.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/check_login.h"
#include "clients/cli/login_store.h"
#include "clients/cli/registry_argument.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr char kHelp[] =
    "Forgets the credentials that login keeps for a registry.\n"
    "\n"
    "REGISTRY is HOST[:PORT], or HOST[:PORT]/PATH for those of a namespace or repository.\n"
    "They are removed from the file and from all credential-helpers of registries.conf.\n"
    "\n"
    "Usage:\n"
    "holkas logout [command options] REGISTRY\n"
    "\n"
    "Examples:\n"
    "holkas logout registry.example.com\n"
    "holkas logout --all\n";

std::vector<Flag> LogoutFlags() {
  std::vector<Flag> flags = {
      {"all", 'a', FlagType::kBool, "", "forget the credentials for all registries"},
      {"tls-verify", '\0', FlagType::kBool, "",
       "require HTTPS with a verified certificate of the registry (default true)"},
  };
  for (Flag& flag : LoginStore::Flags()) {
    flags.push_back(std::move(flag));
  }
  return flags;
}

// What is to be said where `store` keeps nothing for `key`: another tool may.
absl::Status ExplainNothing(const FlagSet& flags, CommandContext& context, const LoginStore& store,
                            const CredentialKey& key) {
  ASSIGN_OR_RETURN(Credentials elsewhere, store.Get(key));
  const auto* login = std::get_if<UserPassword>(&elsewhere);
  if (login != nullptr && !login->user.empty() && !login->password.empty() &&
      CheckLogin(flags, context, key, *login, DeadlineOf(flags)).ok()) {
    return context.console.Write(absl::StrCat(
        "Not logged into ", key.ToString(),
        " with current tool. Existing credentials were established via docker login. Please use "
        "docker logout instead.\n"));
  }
  return absl::NotFoundError(absl::StrCat("not logged into ", key.ToString()));
}

absl::Status RunLogout(const FlagSet& flags, const std::vector<std::string>& arguments,
                       CommandContext& context) {
  ASSIGN_OR_RETURN(LoginStore store, LoginStore::Open(flags, context));
  RETURN_IF_ERROR(store.CheckFile());
  if (flags.Bool("all")) {
    if (!arguments.empty()) {
      return absl::InvalidArgumentError("--all takes no arguments");
    }
    RETURN_IF_ERROR(store.RemoveAll());
    return context.console.Write("Removed login credentials for all registries\n");
  }
  ASSIGN_OR_RETURN(CredentialKey key, ParseOneRegistryArgument(arguments, "logout", "logout from"));
  ASSIGN_OR_RETURN(bool removed, store.Remove(key));
  if (!removed) {
    return ExplainNothing(flags, context, store, key);
  }
  return context.console.Write(
      absl::StrCat("Removed login credentials for ", key.ToString(), "\n"));
}

}  // namespace

Command LogoutCommand() {
  return {"logout", "Log out of a registry", kHelp, LogoutFlags(), &RunLogout};
}

}  // namespace holkas
