// holkasd: serves holkas.v1.ImageService. This file alone knows which classes the server is made
// of.

#include <fcntl.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"
#include "proto/wire/proto_duration.h"
#include "proto/wire/read_config_file.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/version.h"
#include "service/auth/acceptor.h"
#include "service/auth/authenticator.h"
#include "service/auth/connection_table.h"
#include "service/auth/listener.h"
#include "service/auth/pending_requests.h"
#include "service/auth/tls_credentials.h"
#include "service/auth/tls_files.h"
#include "service/auth/token_table.h"
#include "service/blobs/blob_info_cache.h"
#include "service/blobs/blob_info_path.h"
#include "service/broker/egress.h"
#include "service/config/followed_files.h"
#include "service/config/server_config.h"
#include "service/credentials/authorizer.h"
#include "service/credentials/credential_store.h"
#include "service/credentials/realm_policy.h"
#include "service/flags.h"
#include "service/jobs/job_runner.h"
#include "service/policy/allow_list.h"
#include "service/policy/registry_rules.h"
#include "service/rpc/get_server_info.h"
#include "service/rpc/grpc_server.h"
#include "service/rpc/image_service.h"
#include "service/rpc/operation_runner.h"
#include "service/rpc/refusing_server.h"
#include "service/rpc/request_hash.h"
#include "service/sandbox/spare_launcher.h"
#include "service/sandbox/zygote_launcher.h"
#include "service/settings.h"
#include "service/spool/spool_quota.h"
#include "service/storage/find_store.h"
#include "service/telemetry/grpc_log.h"
#include "service/telemetry/logger.h"
#include "service/wake_ups.h"

namespace holkas {
namespace {

using config::v1::ServerConfig;

// What running requests get after a second SIGTERM.
constexpr absl::Duration kShortDrain = absl::Seconds(5);
// What is left of a call when its job is over: the caller reads the last events.
constexpr absl::Duration kLastWords = absl::Seconds(1);

// Where the server remembers blobs; null where it does not.
std::unique_ptr<BlobInfoCache> BlobInfoCacheOf(const ServerConfig& config, bool is_private,
                                               Logger& logger) {
  const std::string path = config.has_blob_info_cache()
                               ? config.blob_info_cache()
                               : DefaultBlobInfoPath(is_private, ProcessBlobInfoEnvironment());
  if (path.empty()) {
    return nullptr;
  }
  return std::make_unique<BlobInfoCache>(path, [&logger](const std::string& why) {
    logger.Log(LogLevel::kWarning, "blobs are not remembered", {{"why", why}});
  });
}

// Why the server may not listen on `address`; OK where it may.
absl::Status CheckListen(const std::string& text, const ListenAddress& address,
                         const ServerConfig& config) {
  if (!address.unix_path.empty() || config.has_tls()) {
    return absl::OkStatus();
  }
  absl::string_view why;
  if (!address.IsLocal()) {
    why = "other machines are served with TLS alone (tls)";
  } else if (!config.access().insecure_tcp()) {
    why =
        "everybody on this machine could use the server; --insecure-tcp (access.insecure_tcp) "
        "allows "
        "that, and with TLS (tls) the server knows who calls";
  } else {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
                   absl::StrCat("listen on \"", text, "\": ", why));
}

absl::StatusOr<std::vector<Listener>> OpenListeners(const ServerConfig& config) {
  if (config.has_tls() && config.access().insecure_tcp()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
        "tls and --insecure-tcp (access.insecure_tcp): TCP is either encrypted or not");
  }
  std::vector<ListenAddress> addresses;
  for (const std::string& text : config.listen()) {
    ASSIGN_OR_RETURN(ListenAddress address, ListenAddress::Parse(text));
    RETURN_IF_ERROR(CheckListen(text, address, config));
    addresses.push_back(std::move(address));
  }
  if (addresses.empty()) {
    ASSIGN_OR_RETURN(ListenAddress address, ListenAddress::Default());
    addresses.push_back(std::move(address));
  }
  if (!config.access().token_file().empty() &&
      std::all_of(addresses.begin(), addresses.end(),
                  [](const ListenAddress& address) { return !address.unix_path.empty(); })) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
                     "access.token_file: tokens are for callers over TCP, and the server listens "
                     "on unix sockets alone (listen)");
  }
  std::vector<Listener> listeners;
  for (const ListenAddress& address : addresses) {
    ASSIGN_OR_RETURN(Listener listener,
                     Listener::Open(address, config.access().allowed_user_ids_size() > 0,
                                    config.has_tls() ? Peer::Kind::kTls : Peer::Kind::kTcp));
    listeners.push_back(std::move(listener));
  }
  return listeners;
}

// What callers are known by, and what they may do: the files of the configuration, followed.
struct AccessFiles {
  std::unique_ptr<FollowedFiles<TlsFiles>> tls;          // null without TLS
  std::unique_ptr<FollowedFiles<TokenTable>> tokens;     // null where none are taken
  std::unique_ptr<FollowedFiles<AllowList>> allow_list;  // null where there is none
};

// The value that `parse` finds in the text of the file at `path`.
template <typename T>
absl::StatusOr<std::unique_ptr<FollowedFiles<T>>> Follow(
    const std::string& path,
    absl::StatusOr<T> (*parse)(absl::string_view text, absl::string_view name),
    const std::function<void(const absl::Status&)>& on_stale) {
  return FollowedFiles<T>::Open(
      {path},
      [path, parse]() -> absl::StatusOr<T> {
        ASSIGN_OR_RETURN(const std::string text, ReadConfigFile(path));
        return parse(text, path);
      },
      on_stale);
}

absl::StatusOr<AccessFiles> OpenAccessFiles(const ServerConfig& config, Logger& logger) {
  const auto on_stale = [&logger](const absl::Status& why) {
    logger.Log(LogLevel::kError, "changed files are not used, the old ones stay",
               {{"why", why.message()}});
  };
  AccessFiles files;
  if (config.has_tls()) {
    const TlsPaths paths = {config.tls().certificate_file(), config.tls().key_file(),
                            config.tls().client_ca_file()};
    ASSIGN_OR_RETURN(files.tls,
                     FollowedFiles<TlsFiles>::Open(
                         paths.All(), [paths] { return LoadTlsFiles(paths); }, on_stale));
  }
  if (!config.access().token_file().empty()) {
    ASSIGN_OR_RETURN(files.tokens,
                     Follow(config.access().token_file(), &TokenTable::Parse, on_stale));
  }
  if (!config.access().allow_file().empty()) {
    ASSIGN_OR_RETURN(files.allow_list,
                     Follow(config.access().allow_file(), &AllowList::Parse, on_stale));
  }
  return files;
}

// What is the same for all connections over TLS.
TlsOptions TlsOptionsOf(const ServerConfig& config) {
  TlsOptions options;
  options.max_metadata_bytes = config.limits().max_metadata_bytes();
  switch (config.tls().client_certificates()) {
    case config::v1::CLIENT_CERTIFICATES_REQUIRED:
      options.client_certificates = TlsOptions::ClientCertificates::kRequired;
      break;
    case config::v1::CLIENT_CERTIFICATES_OPTIONAL:
      options.client_certificates = TlsOptions::ClientCertificates::kOptional;
      break;
    default:
      break;
  }
  return options;
}

// gRPC's credentials for connections over TLS that are served; null without it.
std::shared_ptr<grpc::ServerCredentials> TlsOf(const ServerConfig& config, const AccessFiles& files,
                                               const Authenticator& authenticator,
                                               PendingRequests& pending, Logger& logger) {
  if (files.tls == nullptr) {
    return nullptr;
  }
  TlsOptions options = TlsOptionsOf(config);
  options.admit = [&authenticator, &logger](const ShownCredentials& shown) {
    Peer peer;
    peer.kind = Peer::Kind::kTls;
    const absl::Status status = authenticator.Identify(peer, shown).status();
    if (!status.ok()) {
      logger.Log(LogLevel::kWarning, "request of health or reflection refused",
                 {{"reason", ErrorReason(status)}, {"error", status.message()}});
    }
    return status;
  };
  options.pending = &pending;
  return MakeTlsCredentials(*files.tls, std::move(options));
}

// The same for those that are refused.
std::shared_ptr<grpc::ServerCredentials> RefusingTlsOf(const ServerConfig& config,
                                                       const AccessFiles& files) {
  return files.tls == nullptr ? nullptr : MakeTlsCredentials(*files.tls, TlsOptionsOf(config));
}

// One connection takes two descriptors, one job a few.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// The private server of a command line ends with it, and signals from the terminal are for the
// command line alone, which says by its connection what is to be done.
void BecomePrivate(int connection_fd) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  setpgid(0, 0);
  fcntl(connection_fd, F_SETFD, FD_CLOEXEC);
}

// Ends the server: waits for running requests until `deadline`, then cancels them, whose callers
// are told why.
void Drain(grpc::Server& server, Acceptor& acceptor, const ConnectionTable& connections,
           JobRunner& runner, OperationRunner& operations, const SpoolQuota& spool_quota,
           WakeUps& wake_ups, absl::Time deadline) {
  if (grpc::HealthCheckServiceInterface* health = server.GetHealthCheckService()) {
    health->SetServingStatus(false);
  }
  acceptor.StopListening();
  runner.Drain();
  // An archive is on its way to its caller still when its job is over.
  const auto is_idle = [&] { return runner.running() == 0 && spool_quota.archives() == 0; };
  const auto wait_a_little = [&] {
    if (runner.WaitUntilIdle(absl::Now() + absl::Milliseconds(50))) {
      absl::SleepFor(absl::Milliseconds(5));
    }
  };
  while (!is_idle() && absl::Now() < deadline) {
    wait_a_little();
    if (wake_ups.Wait(absl::Now()) == WakeUps::Reason::kSignal) {
      deadline = std::min(deadline, absl::Now() + kShortDrain);
    }
  }
  const bool idle = is_idle();
  if (!idle) {
    runner.CancelAll();
    for (const absl::Time end = absl::Now() + kLastWords; !is_idle() && absl::Now() < end;) {
      wait_a_little();
    }
  }
  // gRPC closes a connection as soon as its last call has ended, and a client that writes to it
  // then never reads how the call ended.
  const absl::Time last_words_end =
      idle ? std::min(deadline, absl::Now() + kLastWords) : absl::Now() + kLastWords;
  while (connections.size() > 0 && absl::Now() < last_words_end) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  operations.CancelAll();
  server.Shutdown(std::chrono::system_clock::now() +
                  absl::ToChronoMilliseconds(
                      idle && absl::Now() < deadline ? kLastWords : absl::ZeroDuration()));
  server.Wait();
}

// The only caller is gone, or somebody wants this process to end: gRPC sees the end of
// `connection`, and its jobs are cancelled. False where one does not end.
bool EndPrivateJobs(int connection, JobRunner& runner, OperationRunner& operations) {
  shutdown(connection, SHUT_RDWR);
  operations.CancelAll();
  runner.Drain();
  return runner.WaitUntilIdle(absl::Now() + kShortDrain);
}

// gRPC and the zygote need some milliseconds each, and the command line waits for both: gRPC starts
// on a thread of its own. No connection reaches `service` before `parts` are complete.
class GrpcStart {
 public:
  GrpcStart(ImageService& service, const GrpcServerOptions& options)
      : thread_([this, &service, options] { server_ = StartGrpcServer(service, options); }) {}
  ~GrpcStart() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  absl::StatusOr<GrpcServer> Wait() {
    thread_.join();
    return std::move(server_);
  }

 private:
  absl::StatusOr<GrpcServer> server_ = absl::UnknownError("not started");
  std::thread thread_;
};

ZygoteLauncher::Options LauncherOptionsOf(const Flags& flags, const ServerConfig& config,
                                          Logger& logger) {
  ZygoteLauncher::Options options;
  options.worker_path = flags.worker_binary;
  options.required_tier = TierOf(config.sandbox().required_tier());
  options.log = [&logger](absl::string_view line) {
    logger.Log(LogLevel::kWarning, "worker", {{"line", line}});
  };
  return options;
}

std::string AddressesOf(const std::vector<Listener>& listeners) {
  return absl::StrJoin(listeners, " ", [](std::string* out, const Listener& listener) {
    out->append(listener.address());
  });
}

absl::Status Serve(const Flags& flags, const ServerConfig& config, Logger& logger) {
  const bool is_private = flags.connection_fd.has_value();
  UniqueFd connection(flags.connection_fd.value_or(-1));
  if (is_private) {
    BecomePrivate(connection.get());
  }
  RaiseDescriptorLimit();
  ASSIGN_OR_RETURN(WakeUps wake_ups, WakeUps::Create());
  std::vector<Listener> listeners;
  if (!is_private) {
    ASSIGN_OR_RETURN(listeners, OpenListeners(config));
  }
  SendGrpcLogTo(logger);

  RegistriesConf registries_conf(
      RegistriesConfFilesOf(config, is_private), [&logger](const absl::Status& why) {
        logger.Log(LogLevel::kError, "registries.conf kept as it was", {{"why", why.message()}});
      });
  if (!is_private) {
    // The private server tells those of its caller's requests that need it.
    RETURN_IF_ERROR(registries_conf.Current().status());
  }
  const config::v1::Limits& limits = config.limits();
  const int max_concurrent = static_cast<int>(limits.max_concurrent_requests());
  const int max_queued = static_cast<int>(limits.max_queued_requests());
  ServerParts parts;
  parts.registries = RegistrySettingsOf(config);
  parts.registries.registries_conf = &registries_conf;
  parts.registries.credentials = CredentialSettingsOf(config, is_private);
  parts.registries.storage = ProcessStorageEnvironment();
  AuthorizationResources authorization;
  authorization.credentials = parts.registries.credentials;
  authorization.realms = RealmSettingsOf(config, is_private);
  parts.local_paths = LocalPathSettingsOf(config, is_private);
  parts.registry_rules = RegistryRulesOf(config, is_private);
  parts.docker_daemons = DockerDaemonsOf(config);
  parts.timeouts = TimeoutsOf(config, is_private);
  const SpoolQuota::Limits spool_limits = SpoolLimitsOf(config, is_private);
  SpoolQuota spool_quota(spool_limits);
  parts.spool_quota = &spool_quota;
  ASSIGN_OR_RETURN(const AccessFiles access_files, OpenAccessFiles(config, logger));
  parts.allow_list = access_files.allow_list.get();
  parts.logger = &logger;
  const Authenticator authenticator(access_files.tokens.get(), access_files.allow_list == nullptr);
  ConnectionTable connections(limits.max_connections(), limits.max_connections_per_user(),
                              limits.max_silent_connections());
  PendingRequests pending(static_cast<int>(limits.max_streams_per_connection()));
  const int max_per_caller =
      is_private ? max_concurrent + max_queued : static_cast<int>(limits.max_requests_per_caller());
  ImageService service(parts, connections, authenticator, max_per_caller, &pending);
  const absl::Duration handshake_timeout = ToDuration(limits.handshake_timeout());
  GrpcStart grpc_start(
      service,
      {.max_requests = max_concurrent + max_queued,
       .longest_request = parts.timeouts.longest,
       .is_private = is_private,
       .tls = TlsOf(config, access_files, authenticator, pending, logger),
       .handshake_timeout = handshake_timeout,
       .max_message_bytes = static_cast<int>(limits.max_message_bytes()),
       .max_metadata_bytes = static_cast<int>(limits.max_metadata_bytes()),
       .max_streams_per_connection = static_cast<int>(limits.max_streams_per_connection())});
  ASSIGN_OR_RETURN(std::unique_ptr<ZygoteLauncher> launcher,
                   ZygoteLauncher::Start(LauncherOptionsOf(flags, config, logger)));
  const int spares = is_private ? 0 : static_cast<int>(config.sandbox().spare_workers());
  SpareLauncher spare_launcher(*launcher, spares);
  const std::unique_ptr<BlobInfoCache> blobs = BlobInfoCacheOf(config, is_private, logger);
  JobRunner runner(
      spare_launcher, logger, authorization,
      {.concurrent = max_concurrent,
       .queued = max_queued,
       .per_caller = max_per_caller,
       .connections_per_registry = static_cast<int>(limits.max_connections_per_registry())},
      EgressOf(config), blobs.get());
  parts.runner = &runner;
  ASSIGN_OR_RETURN(RequestHash request_hash, RequestHash::Create());
  OperationRunner operations(std::move(request_hash),
                             {.running = static_cast<size_t>(max_concurrent + max_queued)});
  parts.operations = &operations;
  parts.info = MakeServerInfo(launcher->tier(), launcher->landlock_abi(), max_concurrent);
  parts.info.set_max_archive_bytes(spool_limits.archive_bytes);
  ASSIGN_OR_RETURN(GrpcServer grpc, grpc_start.Wait());
  RefusingServer refusing(connections, RefusingTlsOf(config, access_files));

  Acceptor::Options acceptor_options;
  acceptor_options.allowed_users.insert(config.access().allowed_user_ids().begin(),
                                        config.access().allowed_user_ids().end());
  acceptor_options.first_byte_timeout = handshake_timeout;
  acceptor_options.serve = [&grpc](int fd, Peer::Kind kind) { grpc.Serve(fd, kind); };
  acceptor_options.refuse = [&refusing](int fd, Peer::Kind kind) { refusing.Serve(fd, kind); };
  acceptor_options.on_private_end = [&wake_ups] { wake_ups.EndOfConnection(); };
  Acceptor acceptor(connections, logger, std::move(acceptor_options));
  const std::string addresses = is_private ? "private" : AddressesOf(listeners);
  RETURN_IF_ERROR(acceptor.Start(std::move(listeners)));
  const UniqueFd private_connection(is_private ? fcntl(connection.get(), F_DUPFD_CLOEXEC, 0) : -1);
  if (is_private) {
    RETURN_IF_ERROR(acceptor.AddPrivate(std::move(connection)));
  }
  logger.Log(LogLevel::kInfo, "serving",
             {{"version", kVersion},
              {"listen", addresses},
              {"pid", getpid()},
              {"sandbox_tier", v1::SandboxTier_Name(launcher->tier())},
              {"landlock_abi", launcher->landlock_abi()}});

  const WakeUps::Reason reason = wake_ups.Wait(absl::InfiniteFuture());
  logger.Log(LogLevel::kInfo, "draining",
             {{"reason", reason == WakeUps::Reason::kSignal ? "signal" : "connection ended"},
              {"running", runner.running()}});
  if (is_private && EndPrivateJobs(private_connection.get(), runner, operations)) {
    launcher.reset();
    // The command line waits for this process; gRPC has nothing left to say to anybody, but takes
    // its time to shut down.
    _exit(EXIT_SUCCESS);
  }
  Drain(*grpc.server, acceptor, connections, runner, operations, spool_quota, wake_ups,
        absl::Now() + ToDuration(config.drain_timeout()));
  acceptor.Stop();
  logger.Log(LogLevel::kInfo, "stopped");
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  const std::variant<Flags, int> parsed = ParseFlags(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) {
    return *exit_code;
  }
  const Flags& flags = std::get<Flags>(parsed);
  // A core file would have passwords in it.
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  absl::StatusOr<ServerConfig> config =
      flags.config_file.empty() ? DefaultServerConfig() : LoadServerConfig(flags.config_file);
  if (!config.ok()) {
    fprintf(stderr, "holkasd: %s\n", std::string(config.status().message()).c_str());
    return EXIT_FAILURE;
  }
  ApplyFlags(flags, *config);
  // Lives as long as the process: gRPC's threads may log to the last.
  static Logger logger(
      LevelOf(config->log().level()),
      config->log().format() == config::v1::LOG_FORMAT_TEXT ? LogFormat::kText : LogFormat::kJson,
      STDERR_FILENO);
  const absl::Status status = Serve(flags, *config, logger);
  if (!status.ok()) {
    fprintf(stderr, "holkasd: %s\n", std::string(status.message()).c_str());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) { return holkas::Main(argc, argv); }
