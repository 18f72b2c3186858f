#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_AUTHORIZATION_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_AUTHORIZATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/broker.pb.h"
#include "worker/broker/broker.h"
#include "worker/http/challenge.h"
#include "worker/http/http_message.h"

namespace holkas {

// What the service never lets through: longer ones are not asked with.
inline constexpr size_t kMaxRealmTargetBytes = 4 << 10;
inline constexpr size_t kMaxChallengeTextBytes = 1 << 10;

// What one registry is told of who asks: nothing until it wants to know, then what the service
// answers to its challenge. The worker does not see how a token was paid for. Thread-safe.
class RegistryAuthorization {
 public:
  // `given`: the header's value that the job has from the beginning; empty for none.
  RegistryAuthorization(Broker& broker, broker::Place place, uint32_t endpoint,
                        const std::string& given)
      : broker_(broker),
        place_(place),
        endpoint_(endpoint),
        value_(given),
        given_(!given.empty()) {}

  // The value of the Authorization header; empty for none.
  std::string Current() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Deals with a 401 to a request that was sent with `sent`. Whether there is another value to send
  // it again with. Errors: those of Broker::Authorize; those of QuestionOf. What the service failed
  // to get is not asked for again: a realm that stalls costs its patience once, not for each blob.
  absl::StatusOr<bool> Learn(const HttpResponse& refusal, const std::string& sent)
      ABSL_LOCKS_EXCLUDED(learn_mutex_, mutex_);

 private:
  absl::StatusOr<std::string> Ask(const Challenge& challenge, bool refused)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(learn_mutex_);

  Broker& broker_;
  const broker::Place place_;
  const uint32_t endpoint_;
  // Held while the service is asked, so that threads that were refused together ask once.
  absl::Mutex learn_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  // The last question that failed, and with what.
  std::optional<std::string> failed_question_ ABSL_GUARDED_BY(learn_mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(learn_mutex_);
  mutable absl::Mutex mutex_;
  std::string value_ ABSL_GUARDED_BY(mutex_);
  const bool given_;
};

// The challenge to answer: a token goes before a password, which the realm alone then sees. Null
// where none is of a kind that can be answered.
const Challenge* ChooseChallenge(const std::vector<Challenge>& challenges);

// All challenges of the response.
std::vector<Challenge> ChallengesOf(const HttpResponse& response);

// The question that `challenge` leads to, without place and endpoint.
// Errors: UNAVAILABLE (REGISTRY_UNAVAILABLE) where the realm is no URL or a part is not printable;
// RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where one is too long.
absl::StatusOr<broker::Authorize> QuestionOf(const Challenge& challenge);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_AUTHORIZATION_H_
