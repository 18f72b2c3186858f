#ifndef HOLKAS_SERVICE_RPC_REQUEST_CONTEXT_H_
#define HOLKAS_SERVICE_RPC_REQUEST_CONTEXT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/daemon_host.h"
#include "service/auth/peer.h"
#include "service/config/followed_files.h"
#include "service/jobs/caller_quota.h"
#include "service/jobs/job_runner.h"
#include "service/policy/allow_list.h"
#include "service/policy/grant_daemon.h"
#include "service/policy/grants.h"
#include "service/policy/identity.h"
#include "service/policy/make_grants.h"
#include "service/policy/registry_rules.h"
#include "service/rpc/job_spec.h"
#include "service/rpc/operation_runner.h"
#include "service/spool/spool_quota.h"
#include "service/telemetry/logger.h"

namespace holkas {

// What every rpc handler works with. Handlers know nothing of gRPC: image_service.cc is the edge.

// One request.
struct RequestContext {
  uint64_t number = 0;
  Peer peer;
  // Who calls; may call the rpc.
  Identity caller;
  // The call's among the caller's; none for what every caller may call at any time.
  std::optional<CallerQuota::Place> place;
  // The caller's; InfiniteFuture where it sets none.
  absl::Time deadline = absl::InfiniteFuture();
  // The caller hung up. Any thread.
  std::function<bool()> cancelled;
  // Breaks the call off, so that nothing blocks in it: the caller is told the code and the message
  // of `why`, an error, without its reason. Any thread.
  std::function<void(const absl::Status& why)> cancel;
};

// How long requests may take.
struct Timeouts {
  // Where the caller sets no deadline. Delete and ListTags may take as long as Inspect.
  absl::Duration inspect = absl::Minutes(1);
  absl::Duration copy = absl::Hours(1);
  // Whatever the caller says.
  absl::Duration longest = absl::Hours(24);
  // How long the caller of ListTags may read nothing while many tags wait.
  absl::Duration reader_pause = absl::Seconds(30);
  // How long the caller of Import may send nothing, and that of Export take nothing.
  absl::Duration archive_pause = absl::Seconds(60);
};

// Which local paths callers may use.
struct LocalPathSettings {
  // Callers with the server's own user id, on the unix socket, may use every path.
  bool own_user_any = true;
  std::vector<std::string> roots;
  // What relative paths of a private server's caller are relative to.
  std::string working_directory;
};

// The server that serves the request.
struct ServerParts {
  // Set before the first request comes.
  JobRunner* runner = nullptr;
  OperationRunner* operations = nullptr;
  RegistrySettings registries;
  LocalPathSettings local_paths;
  // Without what registries.conf says at the time of a request.
  RegistryRules registry_rules;
  // Daemons that every caller may use.
  std::vector<DaemonHost> docker_daemons;
  Timeouts timeouts;
  // All of GetServerInfo's response but the number of running requests.
  v1::GetServerInfoResponse info;
  // Archives of Import and Export.
  SpoolQuota* spool_quota = nullptr;
  std::string spool_directory = kSpoolDirectory;
  // What callers may do; null: only those may anything who are trusted unless an entry says
  // otherwise.
  FollowedFiles<AllowList>* allow_list = nullptr;
  // Where requests that are refused are told. May be null.
  Logger* logger = nullptr;
};

// What callers may do now.
std::shared_ptr<const AllowList> AllowListOf(const ServerParts& server);

// Logs that the request was refused, and why, where `status` is an error.
void LogRefusal(const ServerParts& server, const RequestContext& context, const std::string& rpc,
                const absl::Status& status);

// The local paths that `peer` may use. The process that started a private server may use what that
// server can, as if it had opened the files itself.
LocalPathRules PathRulesFor(const Peer& peer, const LocalPathSettings& settings);

// The Docker daemons that `peer` may use: all for the process that started a private server.
DaemonRules DaemonRulesFor(const Peer& peer, const std::vector<DaemonHost>& allowed);

// Whose the ids of the caller's requests are: a user's, or of all who are not known.
std::string OwnerOf(const RequestContext& context);

// Whether the caller may have the server read `access.auth_file`, where it names one.
// Errors: PERMISSION_DENIED (PATH_DENIED).
absl::Status CheckAuthFile(const ServerParts& server, const RequestContext& context,
                           const std::string& field, const v1::RegistryAccess& access);

// When a request must be over that may take `standard` where its caller does not say.
absl::Time DeadlineOf(const RequestContext& context, absl::Duration standard,
                      const Timeouts& timeouts);

// A call of JobRunner for `job`, without its events. Errors: as MakeGrants; PERMISSION_DENIED
// (CALLER_DENIED) where the allow list does not let the caller name one of the images.
absl::StatusOr<JobRunner::Call> MakeCall(const ServerParts& server, const RequestContext& context,
                                         const std::string& rpc, PreparedJob job,
                                         absl::Time deadline);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_REQUEST_CONTEXT_H_
