#ifndef HOLKAS_SERVICE_BROKER_RESOLVER_H_
#define HOLKAS_SERVICE_BROKER_RESOLVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/broker/cancellation.h"
#include "service/broker/endpoint.h"

namespace holkas {

// Looks up names of hosts, for all jobs. The C library cannot be told to stop: a look-up that takes
// too long is left behind on its thread, and counts until it ends. Thread-safe.
class Resolver {
 public:
  // `limit`: how many look-ups may be under way.
  explicit Resolver(int limit = 32);
  // For tests: answers with what `look_up` gives.
  Resolver(
      int limit,
      std::function<absl::StatusOr<std::vector<Endpoint>>(const std::string&, uint16_t)> look_up);
  ~Resolver();

  // The addresses of `host`, in the order in which they should be tried (RFC 6724); at least one.
  // Errors: UNAVAILABLE (REGISTRY_UNAVAILABLE), with a message as of Go's net package, where there
  // is none or the time is up; PERMISSION_DENIED (ADDRESS_DENIED) for an address with a dot behind
  // it, which no waiting makes a name; CANCELLED.
  absl::StatusOr<std::vector<Endpoint>> Resolve(const std::string& host, uint16_t port,
                                                absl::Duration limit,
                                                const Cancellation& cancellation);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_RESOLVER_H_
