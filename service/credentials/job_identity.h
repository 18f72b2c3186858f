#ifndef HOLKAS_SERVICE_CREDENTIALS_JOB_IDENTITY_H_
#define HOLKAS_SERVICE_CREDENTIALS_JOB_IDENTITY_H_

#include <string>
#include <vector>

#include "broker/broker.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "service/credentials/credential_store.h"

namespace holkas {

// Who a job is at one registry, and what it may ask a token for.
struct RegistryIdentity {
  // The registry as the job's worker knows it: its name, and how it is spoken to.
  broker::RegistryImage registry;
  // Its address must be public (RegistryGrant::public_only), also where it is its own realm.
  bool public_only = false;
  StoredCredentials credentials;
  // The least that the job needs (distribution: docs/spec/auth/scope).
  std::vector<std::string> scopes;
};

// Who a job is at its registries, each place's own and then its mirrors, and what it opens
// encrypted layers with.
struct JobIdentity {
  std::vector<RegistryIdentity> source;
  std::vector<RegistryIdentity> destination;
  std::vector<v1::DecryptionKey> decryption_keys = {};
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_CREDENTIALS_JOB_IDENTITY_H_
