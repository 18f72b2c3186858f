#include "service/rpc/request_context.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/registries/registries_conf.h"
#include "proto/registries/registry_table.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// What callers may name now.
absl::StatusOr<RegistryRules> RegistryRulesOf(const ServerParts& server) {
  RegistryRules rules = server.registry_rules;
  if (!rules.any && server.registries.registries_conf != nullptr) {
    ASSIGN_OR_RETURN(std::shared_ptr<const RegistryTable> table,
                     server.registries.registries_conf->Current());
    rules.is_location = [table = std::move(table)](const std::string& registry) {
      return table->IsLocation(registry);
    };
  }
  return rules;
}

// Whether the allow list has the images of the job.
absl::Status CheckImages(const ServerParts& server, const RequestContext& context,
                         const std::string& rpc, const PreparedJob& job) {
  const std::shared_ptr<const AllowList> list = AllowListOf(server);
  // To check credentials no repository is named.
  absl::Status status = job.spec.has_check_credentials()
                            ? list->CheckRegistry(context.caller, job.source)
                            : list->CheckImage(context.caller, job.source);
  if (status.ok() && job.destination.has_value()) {
    status = list->CheckImage(context.caller, *job.destination);
  }
  LogRefusal(server, context, rpc, status);
  return status;
}

// Tells those who fetch tokens for the job what its worker's connections are told.
void SetPublicOnly(const Grants& grants, JobIdentity& identity) {
  for (RegistryIdentity& registry : identity.destination) {
    registry.public_only = grants.destination_registry->public_only;
  }
  for (size_t i = 0; i < identity.source.size(); ++i) {
    const RegistryGrant& grant = i == 0 ? *grants.source_registry : grants.source_mirrors[i - 1];
    identity.source[i].public_only = grant.public_only;
  }
}

}  // namespace

std::shared_ptr<const AllowList> AllowListOf(const ServerParts& server) {
  return server.allow_list == nullptr ? std::make_shared<const AllowList>()
                                      : server.allow_list->Current();
}

void LogRefusal(const ServerParts& server, const RequestContext& context, const std::string& rpc,
                const absl::Status& status) {
  if (status.ok() || server.logger == nullptr) {
    return;
  }
  server.logger->Log(LogLevel::kWarning, "request refused",
                     {{"request", context.number},
                      {"rpc", rpc},
                      {"caller", context.peer.ToString()},
                      {"identity", context.caller.name},
                      {"code", absl::StatusCodeToString(status.code())},
                      {"reason", ErrorReason(status)},
                      {"error", status.message()}});
}

LocalPathRules PathRulesFor(const Peer& peer, const LocalPathSettings& settings) {
  LocalPathRules rules;
  rules.roots = settings.roots;
  switch (peer.kind) {
    case Peer::Kind::kPrivate:
      rules.any = true;
      rules.working_directory = settings.working_directory;
      break;
    case Peer::Kind::kUnix:
      rules.any = settings.own_user_any && peer.uid == geteuid();
      break;
    case Peer::Kind::kTcp:
    case Peer::Kind::kTls:
      break;
  }
  return rules;
}

DaemonRules DaemonRulesFor(const Peer& peer, const std::vector<DaemonHost>& allowed) {
  return {.any = peer.kind == Peer::Kind::kPrivate, .allowed = allowed};
}

std::string OwnerOf(const RequestContext& context) { return context.caller.name; }

absl::Status CheckAuthFile(const ServerParts& server, const RequestContext& context,
                           const std::string& field, const v1::RegistryAccess& access) {
  if (access.auth_file().empty()) {
    return absl::OkStatus();
  }
  if (!PathRulesFor(context.peer, server.local_paths).any) {
    return MakeError(absl::StatusCode::kPermissionDenied, "PATH_DENIED",
                     absl::StrCat("field ", field,
                                  ".auth_file is for callers who may use every path of the server"),
                     {{"field", absl::StrCat(field, ".auth_file")}});
  }
  return absl::OkStatus();
}

absl::Time DeadlineOf(const RequestContext& context, absl::Duration standard,
                      const Timeouts& timeouts) {
  const absl::Time now = absl::Now();
  if (context.deadline == absl::InfiniteFuture()) {
    return now + std::min(standard, timeouts.longest);
  }
  return std::min(context.deadline, now + timeouts.longest);
}

absl::StatusOr<JobRunner::Call> MakeCall(const ServerParts& server, const RequestContext& context,
                                         const std::string& rpc, PreparedJob job,
                                         absl::Time deadline) {
  const ImageReference* destination = job.destination.has_value() ? &*job.destination : nullptr;
  RETURN_IF_ERROR(CheckImages(server, context, rpc, job));
  AccessRules rules;
  rules.paths = PathRulesFor(context.peer, server.local_paths);
  ASSIGN_OR_RETURN(rules.registries, RegistryRulesOf(server));
  JobRunner::Call call;
  ASSIGN_OR_RETURN(call.grants,
                   MakeGrants(job.spec, job.source, destination, rules, deadline - absl::Now()));
  const DaemonRules daemons = DaemonRulesFor(context.peer, server.docker_daemons);
  ASSIGN_OR_RETURN(call.grants.source_daemon,
                   GrantDaemon(job.source_daemon, job.spec.source(), daemons));
  ASSIGN_OR_RETURN(call.grants.destination_daemon,
                   GrantDaemon(job.destination_daemon, job.spec.destination(), daemons));
  call.number = context.number;
  call.rpc = rpc;
  call.caller = context.peer.ToString();
  call.caller_identity = context.caller.name;
  if (!context.peer.is_remote()) {
    call.user = context.peer.uid;
  }
  call.source = job.source.ToString();
  call.destination = destination == nullptr ? "" : destination->ToString();
  call.needs_certificate_store = VerifiesCertificates(job.spec);
  call.job = std::move(job.spec);
  call.identity = std::move(job.identity);
  SetPublicOnly(call.grants, call.identity);
  call.deadline = deadline;
  call.cancelled = context.cancelled;
  return call;
}

}  // namespace holkas
