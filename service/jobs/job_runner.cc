#include "service/jobs/job_runner.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"
#include "proto/wire/host_port.h"
#include "proto/wire/status_macros.h"
#include "service/blobs/job_blobs.h"
#include "service/broker/broker_resources.h"
#include "service/broker/broker_session.h"
#include "service/credentials/layer_keyring.h"
#include "service/jobs/admission.h"
#include "service/jobs/caller_quota.h"
#include "service/jobs/connection_quota.h"
#include "service/jobs/open_stores.h"
#include "service/telemetry/redaction.h"

namespace holkas {
namespace {

// How long a worker that said Finish, or closed its socket, may take to be gone.
constexpr absl::Duration kExitTime = absl::Seconds(2);
// How long a killed worker may take; longer only on a machine in trouble.
constexpr absl::Duration kKillTime = absl::Seconds(10);
// What an auth worker may take: a request, its redirects and repetitions.
constexpr absl::Duration kTokenTime = absl::Minutes(2);
constexpr int kTokenConnections = 16;
// What an unwrap worker may take: some computing with keys, however many.
constexpr absl::Duration kUnwrapTime = absl::Minutes(1);
// What a mount worker may take: some requests, their redirects and repetitions.
constexpr absl::Duration kMountTime = absl::Minutes(1);
constexpr int kMountConnections = 16;

// The registries of a job, mirrors among them.
std::vector<const broker::RegistryImage*> RegistriesOf(const broker::JobSpec& job) {
  std::vector<const broker::RegistryImage*> registries;
  for (const broker::ImageLocation* location : {&job.source(), &job.destination()}) {
    if (location->has_registry()) {
      registries.push_back(&location->registry());
    }
    for (const broker::RegistryImage& mirror : location->registry().mirrors()) {
      registries.push_back(&mirror);
    }
  }
  return registries;
}

// Of what a job's worker says, which a log or the caller gets: the worker may be hostile, and say
// what it was given; so may a registry.
Redaction RedactionOf(const broker::JobSpec& job, const std::vector<std::string>& more) {
  Redaction redaction;
  for (const broker::RegistryImage* registry : RegistriesOf(job)) {
    redaction.AddAuthorization(registry->authorization());
  }
  for (const std::string& secret : more) {
    redaction.Add(secret);
  }
  return redaction;
}

// As many connections as the worker has threads, to each registry of its job.
ConnectionQuota::Shares SharesOf(const broker::JobSpec& job) {
  ConnectionQuota::Shares shares;
  for (const broker::RegistryImage* registry : RegistriesOf(job)) {
    shares[JoinHostPort(registry->host(), registry->port())] +=
        static_cast<int>(std::max<uint32_t>(job.threads(), 1));
  }
  return shares;
}

WorkerNeeds NeedsOf(const JobRunner::Call& call, const OpenedStores& stores) {
  return {.certificate_store = call.needs_certificate_store,
          .threads = call.job.has_copy() ? call.job.threads() : 0,
          .directories = stores.directories};
}

// Waits for the end of a worker whose session is over, and hurries it where it does not end.
absl::StatusOr<WorkerExit> AwaitExit(Worker& worker, const JobOutcome& outcome) {
  if (outcome.worker_is_suspect && ErrorReason(outcome.status) != "WORKER_DIED") {
    worker.Distrust();
  } else if (absl::IsCancelled(outcome.status) || absl::IsDeadlineExceeded(outcome.status)) {
    // It was cut off and does not know yet.
    worker.Kill();
  }
  absl::StatusOr<WorkerExit> exit = worker.Wait(absl::Now() + kExitTime);
  if (!exit.ok()) {
    worker.Kill();
    exit = worker.Wait(absl::Now() + kKillTime);
  }
  return exit;
}

// How the worker ended, in the status of a job that it did not end itself.
absl::Status WithWorkerExit(const JobOutcome& outcome, const std::string& how) {
  if (outcome.status.ok() || !outcome.worker_is_suspect) {
    return outcome.status;
  }
  std::map<std::string, std::string> metadata = ErrorMetadata(outcome.status);
  metadata["worker_exit"] = how;
  return MakeError(outcome.status.code(), ErrorReason(outcome.status),
                   absl::StrCat(outcome.status.message(), ": ", how), metadata);
}

}  // namespace

class JobRunner::State {
 public:
  State(Launcher& launcher, Logger& logger, AuthorizationResources& authorization,
        const Limits& limits, const Egress& egress, BlobInfoCache* blobs)
      : launcher_(launcher),
        logger_(logger),
        authorization_(authorization),
        blobs_(blobs),
        callers_(limits.per_caller),
        connections_(limits.connections_per_registry),
        admission_(limits.concurrent, limits.queued) {
    broker_resources_.egress = egress;
    token_resources_.egress = egress;
    mount_resources_.egress = egress;
  }

  absl::StatusOr<std::string> Run(Call call);

  void CancelAll() {
    admission_.Drain();
    cancelled_ = true;
  }

  absl::Status CheckNotCancelled() const {
    return cancelled_ ? admission_.CheckOpen() : absl::OkStatus();
  }

  Admission& admission() { return admission_; }

 private:
  // What the log tells about a job at its end.
  struct Summary {
    int worker_pid = 0;
    std::string worker_exit;
    int64_t copied_bytes = 0;
    // Not to be logged.
    std::vector<std::string> secrets;
  };

  absl::StatusOr<std::string> RunAdmitted(Call& call, Summary& summary);
  // Has an auth worker fetch a token for the worker of `call`.
  absl::StatusOr<broker::TokenResponse> FetchToken(const Call& call, const TokenOrder& order,
                                                   const Cancellation& cancellation);
  // Runs an unwrap worker, which may ask for nothing, for the worker of `call`.
  absl::StatusOr<std::string> RunUnwrap(const Call& call, const broker::JobSpec& job,
                                        const Cancellation& cancellation);
  // Has a mount worker get a blob into the destination of `call`, whose grant is `registry`.
  absl::Status MountBlob(const Call& call, const RegistryGrant& registry,
                         const broker::MountRequest& request, const Cancellation& cancellation);
  void LogStart(const Call& call);
  void LogEnd(const Call& call, const absl::Status& status, absl::Time start,
              const Summary& summary);

  Launcher& launcher_;
  Logger& logger_;
  AuthorizationResources& authorization_;
  BlobInfoCache* const blobs_;
  CallerQuota callers_;
  ConnectionQuota connections_;
  Admission admission_;
  std::atomic<bool> cancelled_ = false;
  BrokerResources broker_resources_;
  // Auth workers' and mount workers' own: the sessions of those who wait for them hold threads of
  // the others.
  BrokerResources token_resources_;
  BrokerResources mount_resources_;
};

absl::StatusOr<std::string> JobRunner::State::Run(Call call) {
  const absl::Time start = absl::Now();
  Summary summary;
  LogStart(call);
  call.cancelled = [this, cancelled = std::move(call.cancelled)] {
    return cancelled_ || (cancelled && cancelled());
  };
  absl::StatusOr<std::string> result = RunAdmitted(call, summary);
  if (cancelled_ && absl::IsCancelled(result.status())) {
    result = CheckNotCancelled();
  }
  if (!result.ok()) {
    result = RedactionOf(call.job, summary.secrets).Apply(result.status());
  }
  LogEnd(call, result.status(), start, summary);
  return result;
}

absl::StatusOr<std::string> JobRunner::State::RunAdmitted(Call& call, Summary& summary) {
  ASSIGN_OR_RETURN(const CallerQuota::Place place, callers_.Enter(call.caller_identity));
  // First, so that who waits for a busy registry keeps nobody from another one.
  ASSIGN_OR_RETURN(const ConnectionQuota::Reservation connections,
                   connections_.Reserve(SharesOf(call.job), call.deadline, call.cancelled));
  ASSIGN_OR_RETURN(const Admission::Slot slot, admission_.Enter(call.deadline, call.cancelled));
  ASSIGN_OR_RETURN(const OpenedStores stores, OpenStores(call.grants, launcher_));
  ASSIGN_OR_RETURN(const std::unique_ptr<Worker> worker, launcher_.Launch(NeedsOf(call, stores)));
  summary.worker_pid = worker->pid();

  std::optional<JobBlobs> blobs;
  if (blobs_ != nullptr && call.user.has_value() && call.job.has_copy()) {
    call.job.set_remembers_blobs(true);
    blobs.emplace(*blobs_, *call.user, call.job,
                  [this, &call, registry = call.grants.destination_registry](
                      const broker::MountRequest& request, const Cancellation& cancellation) {
                    return MountBlob(call, *registry, request, cancellation);
                  });
  }
  BrokerSession::Options options;
  options.blobs = blobs.has_value() ? &*blobs : nullptr;
  options.grants = std::move(call.grants);
  options.job = call.job;
  options.source_store = stores.source.has_value() ? &*stores.source : nullptr;
  options.destination_store = stores.destination.has_value() ? &*stores.destination : nullptr;
  options.source_root = stores.source_root.get();
  options.source_files = &stores.source_files;
  options.source_blobs = stores.source_blobs.get();
  options.deadline = call.deadline;
  options.cancelled = call.cancelled;
  Authorizer authorizer(call.identity, authorization_,
                        [this, &call](const TokenOrder& order, const Cancellation& cancellation) {
                          return FetchToken(call, order, cancellation);
                        });
  options.on_event = [&call, &summary, &authorizer](v1::CopyResponse event) {
    if (event.has_result()) {
      summary.copied_bytes = event.result().copied_bytes();
    }
    if (event.has_retrying()) {
      const Redaction redaction = RedactionOf(call.job, authorizer.secrets());
      event.mutable_retrying()->set_error(redaction.Apply(event.retrying().error()));
    }
    if (call.on_event) {
      call.on_event(std::move(event));
    }
  };
  options.on_tags = call.on_tags;
  options.reader_is_behind = call.reader_is_behind;
  options.authorize = [&authorizer](const broker::Authorize& question,
                                    const Cancellation& cancellation) {
    return authorizer.Authorize(question, cancellation);
  };
  LayerKeyring keyring(call.identity.decryption_keys,
                       [this, &call](const broker::JobSpec& job, const Cancellation& cancellation) {
                         return RunUnwrap(call, job, cancellation);
                       });
  options.unwrap_key = [&keyring](const broker::WrappedKeys& wrapped,
                                  const Cancellation& cancellation) {
    return keyring.Unwrap(wrapped, cancellation);
  };
  options.on_log = [this, &call, &authorizer](int severity, const std::string& line) {
    logger_.Log(severity == 0 ? LogLevel::kInfo : LogLevel::kWarning, "worker says",
                {{"request", call.number},
                 {"line", RedactionOf(call.job, authorizer.secrets()).Apply(line)}});
  };
  options.kill = [&worker] { worker->Kill(); };
  options.resources = &broker_resources_;
  JobOutcome outcome = BrokerSession(worker->channel(), std::move(options)).Run();
  summary.secrets = authorizer.secrets();

  const absl::StatusOr<WorkerExit> exit = AwaitExit(*worker, outcome);
  summary.worker_exit = exit.ok() ? exit->ToString() : "does not end";
  if (outcome.status.ok() && !(exit.ok() && exit->clean())) {
    // What the job did was checked by the service and is valid; the worker's end is not.
    logger_.Log(LogLevel::kWarning, "worker ended abnormally after its job",
                {{"request", call.number}, {"worker_exit", summary.worker_exit}});
  }
  RETURN_IF_ERROR(WithWorkerExit(outcome, summary.worker_exit));
  if (blobs.has_value() && exit.ok() && exit->clean()) {
    blobs->Keep();
  }
  return std::move(outcome.result);
}

absl::StatusOr<broker::TokenResponse> JobRunner::State::FetchToken(
    const Call& call, const TokenOrder& order, const Cancellation& cancellation) {
  const broker::RegistryImage& realm = order.job.source().registry();
  ASSIGN_OR_RETURN(const std::unique_ptr<Worker> worker,
                   launcher_.Launch({.certificate_store = realm.verify_certificate()}));
  BrokerSession::Options options;
  options.grants.source_registry = RegistryGrant{.host = realm.host(),
                                                 .ports = {static_cast<uint16_t>(realm.port())},
                                                 .public_only = order.public_only,
                                                 .plain_http_allowed = realm.plain_http_allowed()};
  options.grants.max_connections = kTokenConnections;
  options.grants.max_run_time = kTokenTime;
  options.job = order.job;
  options.deadline = call.deadline;
  options.cancelled = [&cancellation] { return cancellation.cancelled(); };
  options.kill = [&worker] { worker->Kill(); };
  options.resources = &token_resources_;
  JobOutcome outcome = BrokerSession(worker->channel(), std::move(options)).Run();
  const absl::StatusOr<WorkerExit> exit = AwaitExit(*worker, outcome);
  const absl::Status status =
      RedactionOf(order.job, {order.job.token().identity_token()})
          .Apply(WithWorkerExit(outcome, exit.ok() ? exit->ToString() : "does not end"));
  logger_.Log(LogLevel::kInfo, "token fetched",
              {{"request", call.number},
               {"realm", absl::StrCat(realm.host(), ":", realm.port())},
               {"scopes", absl::StrJoin(order.job.token().scopes(), " ")},
               {"code", absl::StatusCodeToString(status.code())}});
  // Its faults are not those of the worker that waits for the token.
  if (absl::IsInternal(status)) {
    return MakeError(absl::StatusCode::kInternal, "WORKER_DIED",
                     absl::StrCat("fetch a token: ", status.message()), ErrorMetadata(status));
  }
  RETURN_IF_ERROR(status);
  broker::TokenResponse response;
  if (!response.ParseFromString(outcome.result)) {
    return absl::InternalError("the auth worker's result is no token");
  }
  return response;
}

absl::StatusOr<std::string> JobRunner::State::RunUnwrap(const Call& call,
                                                        const broker::JobSpec& job,
                                                        const Cancellation& cancellation) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Worker> worker, launcher_.Launch({}));
  BrokerSession::Options options;
  options.grants.max_connections = 0;
  options.grants.max_run_time = kUnwrapTime;
  options.job = job;
  options.deadline = call.deadline;
  options.cancelled = [&cancellation] { return cancellation.cancelled(); };
  options.kill = [&worker] { worker->Kill(); };
  options.resources = &token_resources_;
  JobOutcome outcome = BrokerSession(worker->channel(), std::move(options)).Run();
  const absl::StatusOr<WorkerExit> exit = AwaitExit(*worker, outcome);
  // Nothing that it says: it has seen the keys.
  logger_.Log(LogLevel::kInfo, "layer key unwrapped",
              {{"request", call.number},
               {"code", absl::StatusCodeToString(outcome.status.code())},
               {"worker_exit", exit.ok() ? exit->ToString() : "does not end"}});
  RETURN_IF_ERROR(outcome.status);
  return std::move(outcome.result);
}

absl::Status JobRunner::State::MountBlob(const Call& call, const RegistryGrant& registry,
                                         const broker::MountRequest& request,
                                         const Cancellation& cancellation) {
  const broker::RegistryImage& image = call.job.destination().registry();
  ASSIGN_OR_RETURN(const std::unique_ptr<Worker> worker,
                   launcher_.Launch({.certificate_store = image.verify_certificate()}));
  JobIdentity identity;
  identity.destination.push_back(call.identity.destination.front());
  for (const std::string& repository : request.repositories()) {
    identity.destination[0].scopes.push_back(absl::StrCat("repository:", repository, ":pull"));
  }
  Authorizer authorizer(identity, authorization_,
                        [this, &call](const TokenOrder& order, const Cancellation& ended) {
                          return FetchToken(call, order, ended);
                        });
  BrokerSession::Options options;
  options.grants.destination_registry = registry;
  options.grants.max_connections = kMountConnections;
  options.grants.max_run_time = kMountTime;
  *options.job.mutable_destination()->mutable_registry() = image;
  *options.job.mutable_mount() = request;
  options.job.set_threads(1);
  options.job.set_user_agent(call.job.user_agent());
  options.deadline = call.deadline;
  options.cancelled = [&cancellation] { return cancellation.cancelled(); };
  options.authorize = [&authorizer](const broker::Authorize& question, const Cancellation& ended) {
    return authorizer.Authorize(question, ended);
  };
  options.kill = [&worker] { worker->Kill(); };
  options.resources = &mount_resources_;
  JobOutcome outcome = BrokerSession(worker->channel(), std::move(options)).Run();
  const absl::StatusOr<WorkerExit> exit = AwaitExit(*worker, outcome);
  logger_.Log(LogLevel::kInfo, "mount worker done",
              {{"request", call.number},
               {"digest", request.digest()},
               {"repositories", absl::StrJoin(request.repositories(), " ")},
               {"code", absl::StatusCodeToString(outcome.status.code())},
               {"worker_exit", exit.ok() ? exit->ToString() : "does not end"}});
  return outcome.status;
}

void JobRunner::State::LogStart(const Call& call) {
  logger_.Log(LogLevel::kInfo, "request started",
              {{"request", call.number},
               {"rpc", call.rpc},
               {"caller", call.caller},
               {"identity", call.caller_identity},
               {"source", call.source},
               {"destination", call.destination}});
}

void JobRunner::State::LogEnd(const Call& call, const absl::Status& status, absl::Time start,
                              const Summary& summary) {
  logger_.Log(status.code() == absl::StatusCode::kInternal ? LogLevel::kError : LogLevel::kInfo,
              "request done",
              {{"request", call.number},
               {"rpc", call.rpc},
               {"identity", call.caller_identity},
               {"source", call.source},
               {"destination", call.destination},
               {"code", absl::StatusCodeToString(status.code())},
               {"reason", ErrorReason(status)},
               {"error", status.message()},
               {"duration_ms", absl::ToInt64Milliseconds(absl::Now() - start)},
               {"copied_bytes", summary.copied_bytes},
               {"worker_pid", summary.worker_pid},
               {"worker_exit", summary.worker_exit}});
}

JobRunner::JobRunner(Launcher& launcher, Logger& logger, AuthorizationResources& authorization,
                     const Limits& limits, const Egress& egress, BlobInfoCache* blobs)
    : state_(std::make_unique<State>(launcher, logger, authorization, limits, egress, blobs)) {}

JobRunner::~JobRunner() = default;

absl::StatusOr<std::string> JobRunner::Run(Call call) { return state_->Run(std::move(call)); }

int JobRunner::running() const { return state_->admission().running(); }

void JobRunner::Drain() { state_->admission().Drain(); }
void JobRunner::CancelAll() { state_->CancelAll(); }
absl::Status JobRunner::CheckOpen() const { return state_->admission().CheckOpen(); }
absl::Status JobRunner::CheckNotCancelled() const { return state_->CheckNotCancelled(); }

bool JobRunner::WaitUntilIdle(absl::Time deadline) {
  return state_->admission().WaitUntilIdle(deadline);
}

}  // namespace holkas
