#ifndef HOLKAS_WORKER_HTTP_TESTING_RECORDING_BROKER_H_
#define HOLKAS_WORKER_HTTP_TESTING_RECORDING_BROKER_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "worker/broker/fake_broker.h"

namespace holkas {

// A FakeBroker without files that remembers for what connections were asked.
class RecordingBroker : public FakeBroker {
 public:
  struct Connection {
    broker::Place place;
    broker::Purpose purpose;
    std::string host;
    uint16_t port;
  };

  RecordingBroker() : FakeBroker({}, {}) {}

  absl::StatusOr<UniqueFd> Connect(broker::Place place, broker::Purpose purpose,
                                   absl::string_view host, uint16_t port) override {
    {
      absl::MutexLock lock(&mutex_);
      connections_.push_back({place, purpose, std::string(host), port});
    }
    return FakeBroker::Connect(place, purpose, host, port);
  }

  std::vector<Connection> connections() const {
    absl::MutexLock lock(&mutex_);
    return connections_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<Connection> connections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_TESTING_RECORDING_BROKER_H_
