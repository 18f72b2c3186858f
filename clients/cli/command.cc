#include "clients/cli/command.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/cli/image_name.h"
#include "clients/cli/server_flags.h"
#include "clients/cli/signal_watch.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Reasons of our own errors; the server has none of these names.
constexpr char kShowUsage[] = "SHOW_USAGE";
constexpr char kInterrupted[] = "INTERRUPTED";
constexpr char kSignal[] = "signal";

// Global flags that are the private server's business, as its arguments. Another server has its own
// configuration, and a flag that would be without effect is an error.
absl::StatusOr<std::vector<std::string>> PrivateServerArguments(const FlagSet& flags,
                                                                const std::string& address) {
  std::vector<std::string> arguments;
  for (const char* name : {"registries-conf", "token-realms"}) {
    const std::string value = flags.String(name);
    if (!value.empty() && !address.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("--", name,
                                                     " is for the private server: the server at ",
                                                     address, " has its own configuration"));
    }
    if (!value.empty()) {
      arguments.push_back(absl::StrCat("--", name, "=", value));
    }
  }
  return arguments;
}

}  // namespace

absl::Status ShowUsage() {
  return MakeError(absl::StatusCode::kInvalidArgument, kShowUsage, "wrong number of arguments");
}

bool IsShowUsage(const absl::Status& status) { return ErrorReason(status) == kShowUsage; }

absl::Status Interrupted(int signal_number) {
  return MakeError(absl::StatusCode::kCancelled, kInterrupted,
                   absl::StrCat("interrupted by signal ", signal_number),
                   {{kSignal, absl::StrCat(signal_number)}});
}

int ExitCodeOf(const absl::Status& status) {
  constexpr int kFailed = 1;
  constexpr int kImageNotFound = 2;
  constexpr int kSignalled = 128;
  if (status.ok()) {
    return 0;
  }
  std::string reason = ErrorReason(status);
  if (reason == kInterrupted) {
    int signal_number = 0;
    (void)absl::SimpleAtoi(ErrorMetadata(status)[kSignal], &signal_number);
    return kSignalled + signal_number;
  }
  return reason == "MANIFEST_UNKNOWN" ? kImageNotFound : kFailed;
}

absl::Time DeadlineOf(const FlagSet& flags) {
  absl::Duration timeout = flags.Duration("command-timeout");
  return timeout == absl::ZeroDuration() ? absl::InfiniteFuture() : absl::Now() + timeout;
}

holkas::v1::Platform PlatformOf(const FlagSet& flags) {
  holkas::v1::Platform platform;
  platform.set_os(flags.String("override-os"));
  platform.set_architecture(flags.String("override-arch"));
  platform.set_variant(flags.String("override-variant"));
  return platform;
}

std::vector<Flag> RetryFlags() {
  return {
      {"retry-times", '\0', FlagType::kInt, "", "how many more attempts follow a failed one"},
      {"retry-delay", '\0', FlagType::kDuration, "",
       "time between two attempts (default 1s, then twice the last)"},
  };
}

holkas::v1::RetryPolicy RetryPolicyOf(const FlagSet& flags) {
  constexpr int64_t kMaxRetries = 100;
  holkas::v1::RetryPolicy policy;
  int64_t times = std::min(flags.Int("retry-times"), kMaxRetries);
  policy.set_max_retries(static_cast<int32_t>(std::max<int64_t>(times, 0)));
  policy.set_delay_seconds(absl::ToDoubleSeconds(flags.Duration("retry-delay")));
  return policy;
}

std::string ServerAddress(const FlagSet& flags, const CommandContext& context) {
  return flags.IsSet("server") ? flags.String("server") : context.server_variable;
}

bool PathsAreServers(const FlagSet& flags, const CommandContext& context) {
  return !ServerAddress(flags, context).empty() && flags.Bool("server-paths");
}

bool IsCallersOwn(const FlagSet& flags, const CommandContext& context, const std::string& image) {
  return HasPath(image) && !ServerAddress(flags, context).empty() &&
         !PathsAreServers(flags, context);
}

absl::Status WithConnections(
    const FlagSet& flags, CommandContext& context, const std::vector<ServerKind>& servers,
    const std::function<absl::Status(const std::vector<Connection*>& connections)>& call) {
  const std::string address = ServerAddress(flags, context);
  ASSIGN_OR_RETURN(const std::vector<std::string> arguments,
                   PrivateServerArguments(flags, address));
  ASSIGN_OR_RETURN(const ServerAccess access,
                   ServerAccessOf(flags, context.server_variables, address));
  // Whom the watch calls outlives it.
  std::vector<Connection*> connections;
  const auto for_each = [&connections](void (*act)(Connection&)) {
    for (Connection* connection : connections) {
      act(*connection);
    }
  };
  // It holds signals back, so it comes before there are threads.
  SignalWatch signals;
  for (const ServerKind server : servers) {
    absl::StatusOr<std::unique_ptr<Connection>> connection =
        server == ServerKind::kPrivate ? context.connect(std::string(), ServerAccess(), arguments)
                                       : context.connect(address, access, arguments);
    if (!connection.ok()) {
      for_each([](Connection& earlier) { earlier.Close(); });
      return connection.status();
    }
    connections.push_back(connection->get());
    context.connections.push_back(*std::move(connection));
  }
  signals.Watch([&] { for_each([](Connection& connection) { connection.client().Cancel(); }); },
                [&] { for_each([](Connection& connection) { connection.Kill(); }); });
  absl::Status status = call(connections);
  for_each([](Connection& connection) { connection.Close(); });
  if (signals.caught() != 0 && !status.ok()) {
    return Interrupted(signals.caught());
  }
  // gRPC's words for a deadline of ours; Go has others.
  if (absl::IsDeadlineExceeded(status) && ErrorReason(status).empty()) {
    return absl::DeadlineExceededError("context deadline exceeded");
  }
  return status;
}

absl::Status WithClient(const FlagSet& flags, CommandContext& context,
                        const std::function<absl::Status(ImageClient& client)>& call,
                        ServerKind server) {
  return WithConnections(flags, context, {server}, [&](const auto& connections) {
    return connections[0]->Explain(call(connections[0]->client()));
  });
}

absl::Status WithClientFor(const std::string& image, const FlagSet& flags, CommandContext& context,
                           const std::function<absl::Status(ImageClient& client)>& call) {
  return WithClient(
      flags, context, call,
      IsCallersOwn(flags, context, image) ? ServerKind::kPrivate : ServerKind::kUsual);
}

}  // namespace holkas
