#ifndef HOLKAS_TESTS_BROKER_SERVED_BROKER_H_
#define HOLKAS_TESTS_BROKER_SERVED_BROKER_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/frame_channel.h"
#include "service/broker/broker_session.h"
#include "worker/broker/broker.h"

namespace holkas {

// The broker as it really is, in one process: the worker's client on one end of a socketpair, the
// service's session on a thread at the other. For tests of what stands on either side.
class ServedBroker {
 public:
  // Begins the session of `options`, says Ready. Where on_event is not set, events are kept.
  explicit ServedBroker(BrokerSession::Options options);
  ~ServedBroker();

  // For the code under test, which plays the worker.
  Broker& broker() { return *client_; }

  // Says Finish with the status of the code under test, and gives what the session made of it.
  JobOutcome Finish(const absl::Status& status);

  // What the session passed on, once it is over.
  const std::vector<v1::CopyResponse>& events() const { return events_; }

 private:
  std::vector<v1::CopyResponse> events_;
  std::unique_ptr<FrameChannel> service_;
  std::unique_ptr<FrameChannel> worker_;
  std::unique_ptr<Broker> client_;
  JobOutcome outcome_;
  std::thread thread_;
};

}  // namespace holkas

#endif  // HOLKAS_TESTS_BROKER_SERVED_BROKER_H_
