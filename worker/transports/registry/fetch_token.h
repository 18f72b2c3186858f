#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_FETCH_TOKEN_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_FETCH_TOKEN_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {

// A realm's answer never has more bytes than this.
inline constexpr size_t kMaxTokenAnswerBytes = 1 << 20;
// A token never has more bytes than this: it has to fit into a frame and a header.
inline constexpr size_t kMaxTokenBytes = 32 << 10;

// Asks the realm, which `client` is made for, for a token: by GET with the client's Basic
// credentials (distribution: docs/spec/auth/token), or where `request` has an identity token by
// POST (docs/spec/auth/oauth).
// Errors: UNAUTHENTICATED (REGISTRY_UNAUTHORIZED) or PERMISSION_DENIED (REGISTRY_DENIED) where the
// realm refuses; UNAVAILABLE
// (REGISTRY_UNAVAILABLE) where it cannot be reached or answers something else than a token;
// RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for the bounds above.
absl::StatusOr<broker::TokenResponse> FetchToken(RegistryClient& client,
                                                 const broker::TokenRequest& request);

// Reads a realm's answer. `now`: when it came.
absl::StatusOr<broker::TokenResponse> ParseTokenAnswer(absl::string_view body, absl::Time now);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_FETCH_TOKEN_H_
