#include "clients/cli/run.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/copy.h"
#include "clients/cli/delete.h"
#include "clients/cli/inspect.h"
#include "clients/cli/list_tags.h"
#include "clients/cli/login.h"
#include "clients/cli/logout.h"
#include "clients/cli/manifest_digest.h"
#include "clients/cli/registry_flags.h"
#include "clients/cli/server_flags.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/version.h"

namespace holkas {
namespace {

// The commands, in the order of the help.
std::vector<Command> Commands() {
  return {CopyCommand(),  DeleteCommand(), InspectCommand(),       ListTagsCommand(),
          LoginCommand(), LogoutCommand(), ManifestDigestCommand()};
}

// Skopeo's commands that this version does not have.
constexpr const char* kNotBuilt[] = {
    "completion",
    "experimental-image-proxy",
    "generate-sigstore-key",
    "layers",
    "standalone-sign",
    "standalone-verify",
    "sync",
    "untrusted-signature-dump-without-verification",
};

// Flags of every command, before it or after it.
FlagSet GlobalFlags() {
  const FlagUse kNotBuiltFlag = FlagUse::kNotBuilt;
  FlagSet flags({
      {"command-timeout", '\0', FlagType::kDuration, "",
       "end the command after this time, for example 90s or 5m"},
      {"debug", '\0', FlagType::kBool, "", "tell more on standard error"},
      {"help", 'h', FlagType::kBool, "", "show this help"},
      {"insecure-policy", '\0', FlagType::kBool, "",
       "accepted and without effect: this version evaluates no signature policy"},
      {"override-arch", '\0', FlagType::kString, "ARCH",
       "choose images for ARCH instead of the server's architecture"},
      {"override-os", '\0', FlagType::kString, "OS",
       "choose images for OS instead of the server's operating system"},
      {"override-variant", '\0', FlagType::kString, "VARIANT",
       "choose images for VARIANT of the architecture"},
      {"server-paths", '\0', FlagType::kBool, "",
       "paths in the names of images are the server's: by default they are those of this machine, "
       "whose files are sent"},
      {"token-realms", '\0', FlagType::kString, "HOST[:PORT],...",
       "give a registry's credentials to these too, where it gets its tokens from them (default: "
       "to "
       "its own origin and domain alone)"},
      {"policy", '\0', FlagType::kString, "", "", kNotBuiltFlag},
      {"registries.d", '\0', FlagType::kString, "", "", kNotBuiltFlag},
      {"registries-conf", '\0', FlagType::kString, "", "", FlagUse::kHidden},
      {"require-signed", '\0', FlagType::kBool, "", "", kNotBuiltFlag},
      {"tls-details", '\0', FlagType::kString, "", "", kNotBuiltFlag},
      {"tmpdir", '\0', FlagType::kString, "", "", kNotBuiltFlag},
      {"user-agent-prefix", '\0', FlagType::kString, "", "", kNotBuiltFlag},
  });
  flags.Add(FlagSet(ServerFlags()));
  return flags;
}

// Flags before the command only.
FlagSet RootFlags() {
  FlagSet flags({
      {"version", 'v', FlagType::kBool, "", "show the version"},
      {"tls-verify", '\0', FlagType::kBool, "", "", FlagUse::kHidden},
  });
  flags.Add(GlobalFlags());
  return flags;
}

std::string RootHelp() {
  constexpr size_t kNameWidth = 16;
  std::string help =
      "Copies, inspects and deletes container images through a sandboxed service\n"
      "\n"
      "Usage:\n"
      "  holkas [flags]\n"
      "  holkas [command]\n"
      "\n"
      "Available Commands:\n";
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Command& command : Commands()) {
    rows.emplace_back(command.name, command.summary);
  }
  rows.emplace_back("help", "Help about any command");
  rows.emplace_back("version", "Show the version");
  for (auto& [name, summary] : rows) {
    name.resize(kNameWidth, ' ');
    absl::StrAppend(&help, "  ", name, summary, "\n");
  }
  absl::StrAppend(&help, "\nFlags:\n", RootFlags().Usages(),
                  "\nUse \"holkas [command] --help\" for more information about a command.\n");
  return help;
}

std::string CommandHelp(const Command& command) {
  return absl::StrCat(command.help, "\nFlags:\n", FlagSet(command.flags).Usages(),
                      "\nGlobal Flags:\n", GlobalFlags().Usages());
}

absl::Status PrintVersion(Console& console) {
  return console.Write(absl::StrCat("holkas version ", kVersion, "\n"));
}

absl::Status Fail(absl::string_view message) { return absl::InvalidArgumentError(message); }

absl::Status UnknownCommand(const std::string& name) {
  auto is_name = [&](const char* other) { return name == other; };
  if (std::any_of(std::begin(kNotBuilt), std::end(kNotBuilt), is_name)) {
    return Fail(absl::StrCat("command ", name, " is not supported by this version of holkas"));
  }
  return Fail(absl::StrCat("Unrecognized command `holkas ", name,
                           "`\nTry 'holkas --help' for more information"));
}

const Command* Find(const std::vector<Command>& commands, const std::string& name) {
  auto found = std::find_if(commands.begin(), commands.end(),
                            [&](const Command& command) { return command.name == name; });
  return found == commands.end() ? nullptr : &*found;
}

absl::Status RunCommand(const Command& command, const FlagSet& global,
                        const std::vector<std::string>& arguments, CommandContext& context) {
  FlagSet flags(command.flags);
  flags.Add(global);
  ASSIGN_OR_RETURN(std::vector<std::string> operands, flags.Parse(arguments, true));
  if (flags.Bool("help")) {
    return context.console.Write(CommandHelp(command));
  }
  if (flags.Bool("debug")) {
    context.console.EnableDebug();
  }
  absl::Status status = command.run(flags, operands, context);
  if (IsShowUsage(status)) {
    context.console.WriteError(CommandHelp(command));
  }
  return status;
}

absl::Status RunHelp(const std::vector<std::string>& topics, CommandContext& context) {
  std::vector<Command> commands = Commands();
  if (topics.empty()) {
    return context.console.Write(RootHelp());
  }
  const Command* command = Find(commands, topics[0]);
  if (command == nullptr) {
    context.console.WriteError(absl::StrCat("Unknown help topic [`", topics[0], "`]\n"));
    context.console.WriteError(RootHelp());
    return absl::OkStatus();
  }
  return context.console.Write(CommandHelp(*command));
}

absl::Status Run(const std::vector<std::string>& arguments, CommandContext& context) {
  FlagSet root = RootFlags();
  ASSIGN_OR_RETURN(std::vector<std::string> rest, root.Parse(arguments, false));
  if (root.Bool("help")) {
    return context.console.Write(RootHelp());
  }
  if (root.Bool("version")) {
    return PrintVersion(context.console);
  }
  if (rest.empty()) {
    return Fail("Missing command 'holkas COMMAND'\nTry 'holkas --help' for more information");
  }
  std::string name = rest[0];
  rest.erase(rest.begin());
  std::vector<Command> commands = Commands();
  const Command* command = Find(commands, name);
  if (name == "help") {
    return RunHelp(rest, context);
  }
  if (name == "version") {
    return PrintVersion(context.console);
  }
  if (command == nullptr) {
    RETURN_IF_ERROR(root.Parse(rest, true).status());
    return UnknownCommand(name);
  }
  if (root.IsSet("tls-verify")) {
    context.console.Log(LogLevel::kWarning,
                        "'--tls-verify' is deprecated, please set this on the specific subcommand");
    context.deprecated_tls = TlsVerificationOf(root, "tls-verify");
  }
  // A flag of the same name may follow the command: these two are the root's own.
  root.Remove("tls-verify");
  root.Remove("version");
  return RunCommand(*command, root, rest, context);
}

}  // namespace

int RunCommandLine(const std::vector<std::string>& arguments, CommandContext& context) {
  absl::Status status = Run(arguments, context);
  if (!status.ok() && !IsShowUsage(status)) {
    context.console.Log(LogLevel::kFatal, status.message());
  }
  return ExitCodeOf(status);
}

}  // namespace holkas
