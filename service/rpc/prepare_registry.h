#ifndef HOLKAS_SERVICE_RPC_PREPARE_REGISTRY_H_
#define HOLKAS_SERVICE_RPC_PREPARE_REGISTRY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "holkas/v1/image.pb.h"
#include "proto/registries/registries_conf.h"
#include "proto/wire/daemon_host.h"
#include "proto/wire/image_reference.h"
#include "service/credentials/credential_store.h"
#include "service/credentials/job_identity.h"
#include "service/storage/find_store.h"

namespace holkas {

// How this server reaches registries, where a request does not say.
struct RegistrySettings {
  // Prefixes, mirrors and blocks; outlives all requests. May be null: none.
  RegistriesConf* registries_conf = nullptr;
  // `host[:port]` of registries whose certificates are not checked and which may speak plain HTTP.
  absl::flat_hash_set<std::string> insecure;
  // Where per-registry certificate directories are looked for.
  std::vector<std::string> certificate_directories;
  // Where credentials are looked up.
  CredentialSettings credentials;
  // Where stores of containers/storage are.
  StorageEnvironment storage;
};

// One place of a job, in the terms of the broker protocol.
struct PreparedPlace {
  broker::ImageLocation location;
  // Who the worker is there: at the registry, then at its mirrors. Empty where it is no registry.
  std::vector<RegistryIdentity> identity;
  // The daemon, where it is in one.
  std::optional<DaemonHost> daemon = std::nullopt;
};

// What a job does at a registry. Who only reads is served by mirrors too.
enum class RegistryUse {
  kPull,
  kPush,
  kDelete,
  kUntag,  // deletes a tag, where there is no other way by writing over it
  kLogin,
};

// What a token is asked for (distribution: docs/spec/auth/scope).
std::string ScopeOf(const RegistryReference& reference, RegistryUse use);

// How a job reaches `named`, by the request's and the server's settings. `display_name`: how
// messages call it.
// Errors: FAILED_PRECONDITION (INVALID_CERTIFICATES); UNAUTHENTICATED (CREDENTIALS_UNAVAILABLE);
// PERMISSION_DENIED (REGISTRY_BLOCKED); those of registries.conf.
absl::StatusOr<PreparedPlace> PrepareRegistry(const RegistryReference& named,
                                              const std::string& display_name,
                                              const v1::RegistryAccess& access,
                                              const RegistrySettings& settings, RegistryUse use);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_PREPARE_REGISTRY_H_
