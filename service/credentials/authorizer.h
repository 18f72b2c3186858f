#ifndef HOLKAS_SERVICE_CREDENTIALS_AUTHORIZER_H_
#define HOLKAS_SERVICE_CREDENTIALS_AUTHORIZER_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/broker.pb.h"
#include "proto/credentials/credentials.h"
#include "service/broker/cancellation.h"
#include "service/credentials/credential_store.h"
#include "service/credentials/job_identity.h"
#include "service/credentials/realm_policy.h"
#include "service/credentials/token_cache.h"

namespace holkas {

// A token to fetch: a job for an auth worker.
struct TokenOrder {
  broker::JobSpec job;
  // The realm's address must be public.
  bool public_only = true;
};

// What all jobs share.
struct AuthorizationResources {
  CredentialSettings credentials;
  RealmSettings realms;
  TokenCache tokens;
};

// Answers the Authorize calls of one job's worker: decides whether credentials may go where the
// registry wants them, asks for no more than the job needs, and lets the worker see a password only
// where a registry knows nothing else. Thread-safe.
class Authorizer {
 public:
  // Fetches a token; blocks.
  using FetchToken = std::function<absl::StatusOr<broker::TokenResponse>(
      const TokenOrder& order, const Cancellation& cancellation)>;

  // No job asks more often than this.
  static constexpr int kMaxCalls = 64;

  // `identity` and `resources` outlive the authorizer.
  Authorizer(const JobIdentity& identity, AuthorizationResources& resources, FetchToken fetch);

  // The value of an Authorization header; empty where there are no credentials.
  // Errors: INTERNAL (WORKER_VIOLATION) for a question that no honest worker asks; as Authorize in
  // broker.proto otherwise.
  absl::StatusOr<std::string> Authorize(const broker::Authorize& question,
                                        const Cancellation& cancellation)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Everything that must not be logged: credentials and what was answered.
  std::vector<std::string> secrets() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What is remembered of one registry.
  struct Memory {
    std::optional<Credentials> credentials;
    std::string last_token;
  };

  absl::StatusOr<Credentials> Resolve(const StoredCredentials& stored) const;
  absl::StatusOr<Credentials> CredentialsOf(const RegistryIdentity& identity)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::string> Bearer(const broker::Authorize& question,
                                     const RegistryIdentity& identity,
                                     const Credentials& credentials,
                                     const Cancellation& cancellation) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remember(const RegistryIdentity& identity, const std::string& token)
      ABSL_LOCKS_EXCLUDED(mutex_);

  const JobIdentity& identity_;
  AuthorizationResources& resources_;
  const FetchToken fetch_;
  mutable absl::Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<const RegistryIdentity*, Memory> memory_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> secrets_ ABSL_GUARDED_BY(mutex_);
};

// The scopes to ask for after `wanted` was named as missing: all of it where it is about the
// repositories of `granted` alone, else `granted`.
std::vector<std::string> WidenScopes(const std::vector<std::string>& granted,
                                     const std::string& wanted);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_CREDENTIALS_AUTHORIZER_H_
